"""The Gram matrices are those of what the matrices read; what is made up for is nearer to the whole."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from autocompress.compression.quantization import dequantize, quantize
from autocompress.distillation.batches import TensorBatch
from autocompress.domain.shape import EncoderShape
from autocompress.networks.weights import Arrays
from autocompress.students.cutting import cut
from autocompress.students.elastic import Selection
from autocompress.students.transformer.compensation import CHUNK, RECONSTRUCTION, ROUNDING, Compensation, input_grams
from autocompress.students.transformer.configuration import TransformerConfiguration
from autocompress.students.transformer.exit_heads import add_exit_heads
from autocompress.students.transformer.network import ElasticEncoder

SHAPE = EncoderShape(2, 16, 4, 32, 50, 40, 2, 3, 16)


def random_arrays() -> tuple[EncoderShape, Arrays]:
    rng = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word": (50, 16),
        "embeddings.position": (40, 16),
        "embeddings.token_type": (2, 16),
        "embeddings.norm.weight": (16,),
        "embeddings.norm.bias": (16,),
    }
    for index in range(2):
        name = f"layers.{index}."
        for part in ("query", "key", "value", "output"):
            shapes |= {f"{name}attention.{part}.weight": (16, 16), f"{name}attention.{part}.bias": (16,)}
        shapes |= {f"{name}feed_forward.up.weight": (32, 16), f"{name}feed_forward.up.bias": (32,)}
        shapes |= {f"{name}feed_forward.down.weight": (16, 32), f"{name}feed_forward.down.bias": (16,)}
        for norm in ("attention.norm", "feed_forward.norm"):
            shapes |= {f"{name}{norm}.weight": (16,), f"{name}{norm}.bias": (16,)}
    arrays = {name: rng.normal(size=size).astype(np.float32) for name, size in shapes.items()}
    return add_exit_heads(arrays, SHAPE, seed=0)


def texts(count: int) -> list[TensorBatch]:
    rng = np.random.default_rng(1)
    found = []
    for _ in range(count):
        ids = torch.from_numpy(rng.integers(0, 50, (1, int(rng.integers(5, 40)))))
        rest = torch.zeros((1, 3)), torch.zeros(1), torch.ones(1, dtype=torch.bool)
        found.append(TensorBatch(ids, torch.ones_like(ids), torch.zeros_like(ids), *rest))
    return found


def test_grams_are_those_of_the_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    shape, arrays = random_arrays()
    read: dict[str, list[NDArray[np.float32]]] = {}
    plain = Selection.linear

    def spy(self: Selection, name: str, x: torch.Tensor) -> torch.Tensor:
        read.setdefault(name, []).append(x[0].numpy())
        return plain(self, name, x)

    batches = texts(150)
    assert sum(batch.input_ids.shape[1] for batch in batches) > CHUNK
    with monkeypatch.context() as patch, torch.inference_mode():
        patch.setattr(Selection, "linear", spy)
        encoder = ElasticEncoder(shape, arrays)
        for batch in batches:
            encoder(batch.input_ids, batch.attention_mask, batch.token_type_ids)
    grams = input_grams(shape, arrays, batches)
    assert len(grams) == 8
    for name, gram in grams.items():
        rows = np.concatenate(read[name])
        whole = np.concatenate([rows, np.ones((len(rows), 1), np.float32)], axis=1)
        assert gram == pytest.approx(whole.T @ whole / len(whole), rel=1e-3, abs=1e-3)


def first_layer(arrays: Arrays, batches: list[TensorBatch]) -> NDArray[np.float32]:
    with torch.inference_mode():
        encoder = ElasticEncoder(SHAPE, arrays)
        return np.concatenate([encoder(b.input_ids, b.attention_mask, b.token_type_ids).hidden[0][0] for b in batches])


def quantized(arrays: Arrays, bits: int) -> Arrays:
    """What the emitter keeps of the layers' matrices."""
    names = [name for name in arrays if name.startswith("layers.") and arrays[name].ndim == 2]
    return arrays | {name: dequantize(*quantize(arrays[name], bits)) for name in names}


def test_a_reconstructed_cut_is_nearer_to_the_whole() -> None:
    shape, arrays = random_arrays()
    batches = texts(150)
    compensation = Compensation(input_grams(shape, arrays, batches), frozenset({RECONSTRUCTION}))
    half = TransformerConfiguration.uniform(shape, 32, num_attention_heads=2, intermediate_size=16)
    whole, plain, solved = arrays, cut(arrays, shape, half), compensation.cut(arrays, shape, half)

    def distance(weights: Arrays) -> float:
        return float(np.square(first_layer(weights, batches) - first_layer(whole, batches)).sum())

    assert distance(solved) < 0.9 * distance(plain)


@pytest.mark.parametrize("bits", [4, 2])
def test_compensated_rounding_is_nearer_to_the_whole(bits: int) -> None:
    shape, arrays = random_arrays()
    batches = texts(150)
    compensation = Compensation(input_grams(shape, arrays, batches), frozenset({ROUNDING}))
    configuration = TransformerConfiguration.uniform(shape, bits, embedding_bits=8)

    def distance(weights: Arrays) -> float:
        return float(np.square(first_layer(weights, batches) - first_layer(arrays, batches)).sum())

    rounded = compensation.cut(arrays, shape, configuration)
    assert distance(quantized(rounded, bits)) < 0.9 * distance(quantized(cut(arrays, shape, configuration), bits))
    again = quantized(rounded, bits)
    assert all(np.allclose(again[name], rounded[name], rtol=1e-5) for name in again)


@pytest.mark.parametrize("uses", [frozenset(), frozenset({RECONSTRUCTION}), frozenset({ROUNDING})])
def test_nothing_changes_where_there_is_nothing_to_make_up_for(uses: frozenset[str]) -> None:
    shape, arrays = random_arrays()
    compensation = Compensation(input_grams(shape, arrays, texts(20)), uses)
    same = TransformerConfiguration.uniform(shape, 8)
    plain = cut(arrays, shape, same)
    assert all(np.array_equal(plain[name], array) for name, array in compensation.cut(arrays, shape, same).items())


def test_sparse_layers_are_not_rounded_here() -> None:
    shape, arrays = random_arrays()
    compensation = Compensation(input_grams(shape, arrays, texts(20)), frozenset({ROUNDING}))
    sparse = TransformerConfiguration.uniform(shape, 4, sparsity=0.5)
    plain = cut(arrays, shape, sparse)
    assert all(np.array_equal(plain[name], array) for name, array in compensation.cut(arrays, shape, sparse).items())
