import pytest
import torch

from autocompress.distillation.batches import mask_tokens


def test_masking_replaces_a_share_of_real_tokens_but_never_the_first():
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(10, 90, (50, 40))
    mask = (torch.arange(40) < 30).long().expand(50, 40)
    masked = mask_tokens(ids, mask, 4, 0.1, generator)
    changed = masked != ids
    assert (masked[changed] == 4).all()
    assert not changed[:, 0].any() and not changed[:, 30:].any()
    assert changed.float().sum() / (50 * 29) == pytest.approx(0.1, abs=0.02)
