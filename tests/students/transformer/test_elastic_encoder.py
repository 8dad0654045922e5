"""The elastic encoder as any of its sub-networks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from autocompress.domain.shape import EncoderShape
from autocompress.networks.weights import Arrays, head_indices, layer_indices
from autocompress.students.attention_forms.full import WRITTEN_OUT_LENGTH
from autocompress.students.attention_forms.full import mixed as attention
from autocompress.students.cutting import cut
from autocompress.students.transformer.configuration import (
    ExitConfiguration,
    LayerConfiguration,
    TransformerConfiguration,
)
from autocompress.students.transformer.network import ElasticEncoder
from autocompress.system.errors import InputError

Teacher = tuple[EncoderShape, Arrays]
SMALL = TransformerConfiguration(
    hidden_size=16,
    layers=(LayerConfiguration(0, 2, 24, 4, 8, 0.5), LayerConfiguration(2, 3, 9, 8, 2)),
    vocabulary_size=60,
)


def test_each_kept_layer_with_a_head_gives_logits(exit_teacher: Teacher, batch: dict[str, torch.Tensor]) -> None:
    output = ElasticEncoder(*exit_teacher)(**batch, configuration=SMALL)
    assert list(output.logits) == [0, 2]
    assert [tuple(hidden.shape) for hidden in output.hidden] == [(4, 12, 16)] * 2
    assert output.embeddings.shape == (4, 12, 16)
    assert output.last is output.logits[2]


def test_a_cut_keeps_the_needed_heads_only(exit_teacher: Teacher) -> None:
    shape, arrays = exit_teacher
    assert head_indices(cut(arrays, shape, SMALL)) == [2]
    exits = TransformerConfiguration.uniform(shape, layers=(0, 1, 2), exit=ExitConfiguration((1,), 0.9))
    assert head_indices(cut(arrays, shape, exits)) == [1, 2]
    assert layer_indices(cut(arrays, shape, SMALL)) == [0, 2]


def test_a_cut_without_a_head_at_its_end_is_refused(teacher: Teacher) -> None:
    shape, arrays = teacher
    with pytest.raises(InputError, match=r"layers \[1\] have none"):
        cut(arrays, shape, TransformerConfiguration.uniform(shape, layers=(0, 1)))


def test_the_teacher_configuration_is_the_whole_network(teacher: Teacher, batch: dict[str, torch.Tensor]) -> None:
    shape, _ = teacher
    network = ElasticEncoder(*teacher)
    full = TransformerConfiguration.uniform(shape, 32)
    torch.testing.assert_close(network.logits(**batch, configuration=full), network.logits(**batch), rtol=0, atol=0)


def test_pooling_takes_the_mean_of_the_tokens(exit_teacher: Teacher, batch: dict[str, torch.Tensor]) -> None:
    network = ElasticEncoder(*exit_teacher)
    output, arrays = network(**batch), exit_teacher[1]
    for row, length in enumerate((9, 4, 12, 1)):
        pooled = output.hidden[1][row, :length].mean(0).detach().numpy()
        dense = arrays["heads.1.dense.weight"] @ pooled + arrays["heads.1.dense.bias"]
        expected = arrays["heads.1.out.weight"] @ np.maximum(dense, 0) + arrays["heads.1.out.bias"]
        np.testing.assert_allclose(output.logits[1][row].detach().numpy(), expected, atol=1e-6)


def test_exit_heads_are_fresh_and_the_same_for_the_same_seed(teacher: Teacher, exit_teacher: Teacher) -> None:
    shape, arrays = exit_teacher
    assert (shape.head_pooling, shape.head_activation) == ("mean", "relu")
    assert head_indices(arrays) == [0, 1, 2]
    assert arrays["heads.0.dense.weight"].shape == (7, 24)
    assert head_indices(teacher[1]) == [2]


def test_a_token_map_reads_other_rows(teacher: Teacher, batch: dict[str, torch.Tensor]) -> None:
    network = ElasticEncoder(*teacher)
    token_map = torch.arange(60)
    token_map[30:] = 3
    mapped = {**batch, "input_ids": token_map[batch["input_ids"]]}
    actual = network.logits(**batch, token_map=token_map)
    torch.testing.assert_close(actual, network.logits(**mapped), rtol=0, atol=0)


def test_embeddings_are_frozen_until_asked(teacher: Teacher) -> None:
    network = ElasticEncoder(*teacher)
    frozen = {name for name, weight in network.weights.items() if not weight.requires_grad}
    assert frozen == {"embeddings.word", "embeddings.position", "embeddings.token_type"}
    network.freeze_embeddings(False)
    assert all(weight.requires_grad for weight in network.parameters())


def test_to_arrays_gives_the_weights_back(teacher: Teacher) -> None:
    shape, arrays = teacher
    again = ElasticEncoder(shape, arrays).to_arrays()
    assert again.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(again[name], array)


def test_bfloat16_autocast_stays_close_and_gives_float32(exit_teacher: Teacher, batch: dict[str, torch.Tensor]) -> None:
    network = ElasticEncoder(*exit_teacher)
    with torch.autocast("cpu", torch.bfloat16):
        output = network(**batch, configuration=SMALL, fake_quantize=True)
    assert output.last.dtype == torch.float32
    output.last.sum().backward()
    expected = network(**batch, configuration=SMALL, fake_quantize=True)
    torch.testing.assert_close(output.last, expected.last, atol=0.05, rtol=0.05)


@pytest.mark.parametrize("length", [7, WRITTEN_OUT_LENGTH + 1])
def test_attention_in_bfloat16_is_that_of_float32(length: int) -> None:
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(2, 3, length, 8, generator=generator) for _ in range(3))
    mask = (torch.arange(length) < torch.tensor([[length], [4]]))[:, None, None, :]
    expected = attention(query, key, value, mask)
    actual = attention(query.bfloat16(), key.bfloat16(), value.bfloat16(), mask)
    torch.testing.assert_close(actual.float(), expected, atol=0.03, rtol=0.03)
    scores = query @ key.transpose(-1, -2) / 8**0.5
    plain = scores.masked_fill(~mask, float("-inf")).softmax(-1) @ value
    torch.testing.assert_close(expected, plain, atol=1e-5, rtol=1e-5)
