"""The Gram matrices are those of what the matrices read, and the reconstructed layer is the least-squares one."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from autocompress.configuration import EncoderShape, TransformerConfiguration
from autocompress.distillation.students import TensorBatch
from autocompress.networks.cut import cut
from autocompress.networks.elastic import Selection
from autocompress.networks.elastic_encoder import ElasticEncoder
from autocompress.networks.exit_heads import add_exit_heads
from autocompress.networks.grams import CHUNK, input_grams, reconstructed
from autocompress.networks.weights import Arrays

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
    assert len(grams) == 4
    for name, gram in grams.items():
        rows = np.concatenate(read[name])
        whole = np.concatenate([rows, np.ones((len(rows), 1), np.float32)], axis=1)
        assert gram == pytest.approx(whole.T @ whole / len(whole), rel=1e-3, abs=1e-3)


def test_a_reconstructed_cut_is_nearer_to_the_whole() -> None:
    shape, arrays = random_arrays()
    batches = texts(150)
    grams = input_grams(shape, arrays, batches)
    half = TransformerConfiguration.uniform(shape, 32, num_attention_heads=2, intermediate_size=16)
    plain = cut(arrays, shape, half)
    solved = plain | reconstructed(arrays, shape, half, grams)
    assert reconstructed(arrays, shape, half, {}) == {}
    assert not reconstructed(arrays, shape, TransformerConfiguration.uniform(shape, 32), grams)

    def first_layer(weights: Arrays) -> NDArray[np.float32]:
        with torch.inference_mode():
            encoder = ElasticEncoder(shape, weights)
            return np.concatenate(
                [encoder(b.input_ids, b.attention_mask, b.token_type_ids).hidden[0][0] for b in batches]
            )

    whole = first_layer(arrays)
    assert np.square(first_layer(solved) - whole).sum() < 0.9 * np.square(first_layer(plain) - whole).sum()
