import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax

from autocompress.distillation.losses import (
    label_loss,
    mask_tokens,
    output_loss,
    regression_loss,
    soft_target_loss,
)


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_soft_targets_against_scipy(temperature: float):
    rng = np.random.default_rng(0)
    student, teacher = rng.normal(size=(2, 5, 3))
    target = softmax(teacher / temperature, axis=1)
    divergence = target * (np.log(target) - log_softmax(student / temperature, axis=1))
    loss = soft_target_loss(torch.tensor(student), torch.tensor(teacher), temperature)
    assert loss.item() == pytest.approx(divergence.sum(1).mean() * temperature**2, rel=1e-5)


def test_soft_targets_vanish_where_both_agree():
    logits = torch.randn(4, 3)
    assert soft_target_loss(logits, logits + 7.0).item() == pytest.approx(0.0, abs=1e-6)


def test_one_output_is_a_regression():
    student, teacher = torch.tensor([[1.0], [3.0]]), torch.tensor([[2.0], [5.0]])
    assert output_loss(student, teacher) == regression_loss(student, teacher) == 2.5
    assert label_loss(student, torch.tensor([1.0, 1.0])) == 2.0


def test_labels_by_hand():
    logits = torch.log(torch.tensor([[0.25, 0.75], [0.5, 0.5]]))
    expected = -(np.log(0.75) + np.log(0.5)) / 2
    assert label_loss(logits, torch.tensor([1, 0])).item() == pytest.approx(expected)


def test_masking_replaces_a_share_of_real_tokens_but_never_the_first():
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(10, 90, (50, 40))
    mask = (torch.arange(40) < 30).long().expand(50, 40)
    masked = mask_tokens(ids, mask, 4, 0.1, generator)
    changed = masked != ids
    assert (masked[changed] == 4).all()
    assert not changed[:, 0].any() and not changed[:, 30:].any()
    assert changed.float().sum() / (50 * 29) == pytest.approx(0.1, abs=0.02)
