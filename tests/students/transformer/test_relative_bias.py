"""The bias by relative position follows the heads: through sorting, cutting, compensation and training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_models import CONFIGS, random_batch, random_model

from autocompress.artifact.blocks import GraphInputs
from autocompress.compression.importance import importance_order, reorder
from autocompress.compression.vocabulary import Vocabulary
from autocompress.domain.shape import RELATIVE_BIAS, EncoderShape
from autocompress.networks.families.import_encoder import import_encoder
from autocompress.networks.weights import Arrays
from autocompress.students.attention_forms.full import WRITTEN_OUT_LENGTH
from autocompress.students.attention_forms.full import mixed as attention
from autocompress.students.cutting import cut
from autocompress.students.emit import emit
from autocompress.students.transformer.compensation import RECONSTRUCTION, ROUNDING, Compensation, input_grams
from autocompress.students.transformer.configuration import LayerConfiguration, TransformerConfiguration
from autocompress.students.transformer.exit_heads import add_exit_heads
from autocompress.students.transformer.network import ElasticEncoder
from autocompress.students.weight_settings import weight_settings
from autocompress.system.errors import InputError

KEPT_HEADS = {0: 1, 2: 3}
CONFIGURATION = TransformerConfiguration(
    24, tuple(LayerConfiguration(layer, heads, 40, 32, 32) for layer, heads in KEPT_HEADS.items()), 60, 32
)


@pytest.fixture(scope="module")
def network() -> tuple[EncoderShape, Arrays]:
    """An encoder with heads after all layers, and tables that differ from layer to layer."""
    shape, arrays = _with_heads()
    rng = np.random.default_rng(0)
    tables = {name: rng.normal(size=array.shape) for name, array in arrays.items() if name.endswith(RELATIVE_BIAS)}
    return shape, arrays | {name: table.astype(np.float32) for name, table in tables.items()}


@pytest.mark.parametrize("lengths", [(9, 4, 12, 1), (18, 5), (2,)])
def test_cut_heads_keep_their_own_columns(network: tuple[EncoderShape, Arrays], lengths: tuple[int, ...]) -> None:
    """Expected: the unsorted encoder, where the output matrix reads zeros of the heads that are dropped."""
    shape, arrays = network
    scores = np.random.default_rng(1).normal(size=(3, 4))
    ordered = reorder(arrays, shape, scores, np.zeros((3, 40)), np.zeros(24))
    masked = dict(arrays)
    for layer, count in KEPT_HEADS.items():
        weight = arrays[f"layers.{layer}.attention.output.weight"].copy()
        for head in importance_order(scores[layer])[count:]:
            weight[:, 6 * head : 6 * head + 6] = 0
        masked[f"layers.{layer}.attention.output.weight"] = weight
    whole = TransformerConfiguration.uniform(shape, 32, layers=tuple(KEPT_HEADS))
    batch = random_batch(60, lengths=lengths)
    expected = ElasticEncoder(shape, masked).logits(**batch, configuration=whole)
    elastic = ElasticEncoder(shape, ordered).logits(**batch, configuration=CONFIGURATION)
    alone = ElasticEncoder(shape, cut(ordered, shape, CONFIGURATION)).logits(**batch)
    torch.testing.assert_close(elastic, expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(alone, expected, atol=1e-5, rtol=1e-5)


def test_dropping_tokens_is_refused_where_attention_depends_on_their_distance(
    network: tuple[EncoderShape, Arrays],
) -> None:
    shape, arrays = network
    layers = tuple(LayerConfiguration(layer, 4, 40, 32, 32, extra=(("keep_tokens", 0.5),)) for layer in range(3))
    dropping = TransformerConfiguration(24, layers, 60, 32)
    with pytest.raises(InputError, match="bias by relative position"):
        ElasticEncoder(shape, arrays).logits(**random_batch(60), configuration=dropping)
    inputs = GraphInputs(pair=False, vocabulary=Vocabulary(np.arange(60, dtype=np.int32), 1), max_length=20)
    with pytest.raises(InputError, match="bias by relative position"):
        emit(cut(arrays, shape, dropping), dropping, shape, inputs)


def test_the_tables_are_kept_in_float_and_survive_compensation(network: tuple[EncoderShape, Arrays]) -> None:
    shape, arrays = network
    low = TransformerConfiguration.uniform(shape, 4, num_attention_heads=2, intermediate_size=20)
    assert not any(name.endswith(RELATIVE_BIAS) for name in weight_settings(low, arrays))
    grams = input_grams(shape, arrays, [_Text(random_batch(60, lengths=(12,)))])
    kept = Compensation(grams, frozenset({RECONSTRUCTION, ROUNDING})).cut(arrays, shape, low)
    for layer in range(3):
        name = f"layers.{layer}.{RELATIVE_BIAS}"
        np.testing.assert_array_equal(kept[name], arrays[name][:, :2])


def test_the_tables_are_trained_where_they_are_read(network: tuple[EncoderShape, Arrays]) -> None:
    shape, arrays = network
    encoder = ElasticEncoder(shape, arrays)
    with torch.autocast("cpu", torch.bfloat16):
        logits = encoder.logits(**random_batch(60), configuration=CONFIGURATION, fake_quantize=True)
    logits.square().sum().backward()
    for layer, heads in KEPT_HEADS.items():
        gradient = encoder.weights[f"layers.{layer}.{RELATIVE_BIAS}"].grad
        assert gradient is not None and (gradient[:12, :heads].abs().sum(0) > 0).all()
        assert not gradient[:, heads:].any()


@pytest.mark.parametrize("length", [7, WRITTEN_OUT_LENGTH + 1])
def test_fused_and_written_out_attention_add_the_bias(length: int) -> None:
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(2, 3, length, 8, generator=generator) for _ in range(3))
    bias = torch.randn(1, 3, length, length, generator=generator)
    mask = (torch.arange(length) < torch.tensor([[length], [4]]))[:, None, None, :]
    scores = query @ key.transpose(-1, -2) / 8**0.5 + bias
    plain = scores.masked_fill(~mask, float("-inf")).softmax(-1) @ value
    with torch.no_grad():
        torch.testing.assert_close(attention(query, key, value, mask, bias), plain, atol=1e-5, rtol=1e-5)
    query.requires_grad_(True)
    torch.testing.assert_close(attention(query, key, value, mask, bias), plain, atol=1e-5, rtol=1e-5)
    low = attention(query.bfloat16(), key.bfloat16(), value.bfloat16(), mask, bias)
    torch.testing.assert_close(low.float(), plain, atol=0.05, rtol=0.05)


def test_a_shape_without_the_bias_is_stored_as_before(network: tuple[EncoderShape, Arrays]) -> None:
    shape, _ = network
    assert EncoderShape.from_json(shape.to_json()) == shape
    plain = import_encoder(random_model(CONFIGS["bert"]()))[0]
    assert "relative_attention_num_buckets" not in plain.to_json()
    assert EncoderShape.from_json(plain.to_json()) == plain
    scaled = replace(plain, output_scale=2.5)
    assert "output_scale" not in plain.to_json() and EncoderShape.from_json(scaled.to_json()) == scaled


class _Text:
    def __init__(self, batch: dict[str, torch.Tensor]) -> None:
        self.input_ids, self.attention_mask = batch["input_ids"], batch["attention_mask"]
        self.token_type_ids, self.labels = batch["token_type_ids"], torch.zeros(1)


def _with_heads() -> tuple[EncoderShape, Arrays]:
    shape, arrays = import_encoder(random_model(CONFIGS["mpnet"]()))
    return add_exit_heads(arrays, shape, hidden=7, seed=3)
