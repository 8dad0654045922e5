"""Fake quantization: the artefact's values forward, the identity backward."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from autocompress.compression import quantization
from autocompress.compression.quantization import dequantize, quantize
from autocompress.compression.sparsity import prune
from autocompress.domain.shape import EncoderShape
from autocompress.networks.weights import Arrays
from autocompress.students.fake_quantize import fake_quantize
from autocompress.students.linear_forms import LinearSettings
from autocompress.students.transformer.configuration import TransformerConfiguration
from autocompress.students.transformer.network import ElasticEncoder


def test_eight_bits_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantization, "saturates", lambda: False)
    weight = torch.tensor([[127.0, 0.5, 1.5, -63.2], [0.0, 0.0, 0.0, 0.0], [0.0127, -0.0127, 0.00005, 0.0001]])
    expected = torch.tensor([[127.0, 0.0, 2.0, -63.0], [0.0, 0.0, 0.0, 0.0], [0.0127, -0.0127, 0.0, 0.0001]])
    torch.testing.assert_close(fake_quantize(weight, LinearSettings(8)), expected)


def test_sparsity_by_hand() -> None:
    weight = torch.tensor([[0.1, -4.0], [-0.2, 3.0], [5.0, 0.3]])
    expected = torch.tensor([[0.0, -4.0], [0.0, 3.0], [5.0, 0.0]])
    torch.testing.assert_close(fake_quantize(weight, LinearSettings(32, 0.5)), expected)


def test_nothing_to_do_gives_the_same_tensor() -> None:
    weight = torch.ones(2, 3)
    assert fake_quantize(weight, LinearSettings(32)) is weight


@given(seed=st.integers(0, 100), bits=st.sampled_from((8, 4, 2)), sparsity=st.sampled_from((0.0, 0.3, 0.9)))
def test_the_values_are_those_of_the_artefact_and_the_gradient_passes(seed: int, bits: int, sparsity: float) -> None:
    array = np.random.default_rng(seed).normal(size=(5, 17)).astype(np.float32)
    weight = torch.tensor(array, requires_grad=True)
    output = fake_quantize(weight, LinearSettings(bits, sparsity))
    np.testing.assert_array_equal(output.detach().numpy(), dequantize(*quantize(prune(array, sparsity), bits)))
    upstream = torch.arange(85.0).view(5, 17)
    output.backward(upstream)
    assert weight.grad is not None
    torch.testing.assert_close(weight.grad, upstream, rtol=0, atol=0)
    assert len(np.unique(output[0].detach().numpy())) <= 2**bits - 1


def test_frozen_and_learning_tables_give_the_same(
    teacher: tuple[EncoderShape, Arrays], batch: dict[str, torch.Tensor]
) -> None:
    network = ElasticEncoder(*teacher)
    configuration = TransformerConfiguration.uniform(teacher[0], 4, hidden_size=20)
    frozen = network.logits(**batch, configuration=configuration, fake_quantize=True)
    network.freeze_embeddings(False)
    learning = network.logits(**batch, configuration=configuration, fake_quantize=True)
    torch.testing.assert_close(frozen, learning, rtol=0, atol=0)


def test_a_frozen_table_that_was_changed_is_quantized_again(
    teacher: tuple[EncoderShape, Arrays], batch: dict[str, torch.Tensor]
) -> None:
    network = ElasticEncoder(*teacher)
    configuration = TransformerConfiguration.uniform(teacher[0], 8)
    before = network.logits(**batch, configuration=configuration, fake_quantize=True)
    with torch.no_grad():
        network.weights["embeddings.word"].mul_(torch.linspace(-2, 2, 24))
    after = network.logits(**batch, configuration=configuration, fake_quantize=True)
    assert not torch.allclose(before, after)
