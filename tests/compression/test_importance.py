"""Orders of importance and the permutation of an encoder's weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from autocompress.compression.importance import head_rows, importance_order, reorder
from autocompress.domain.shape import EncoderShape

SHAPE = EncoderShape(2, 6, 3, 5, 11, 4, 2, 2, 6)
NARROW = EncoderShape(2, 6, 3, 5, 11, 4, 2, 2, 4)
Arrays = dict[str, NDArray[np.float32]]


def random_arrays(shape: EncoderShape, seed: int = 0) -> Arrays:
    generator = np.random.default_rng(seed)
    h, n, e = shape.hidden_size, shape.intermediate_size, shape.embedding_size
    sizes: dict[str, tuple[int, ...]] = {"embeddings.word": (shape.vocab_size, e), "embeddings.norm.weight": (e,)}
    if e != h:
        sizes |= {"embeddings.projection.weight": (h, e), "embeddings.projection.bias": (h,)}
    for i in range(shape.num_hidden_layers):
        for part in ("query", "key", "value", "output"):
            sizes |= {f"layers.{i}.attention.{part}.weight": (h, h), f"layers.{i}.attention.{part}.bias": (h,)}
        sizes |= {f"layers.{i}.feed_forward.up.weight": (n, h), f"layers.{i}.feed_forward.up.bias": (n,)}
        sizes |= {f"layers.{i}.feed_forward.down.weight": (h, n), f"layers.{i}.feed_forward.down.bias": (h,)}
        for norm in ("attention.norm", "feed_forward.norm"):
            sizes |= {f"layers.{i}.{norm}.weight": (h,), f"layers.{i}.{norm}.bias": (h,)}
    sizes |= {"heads.1.dense.weight": (7, h), "heads.1.dense.bias": (7,), "heads.1.out.weight": (2, 7)}
    return {name: (0.5 * generator.normal(size=size)).astype(np.float32) for name, size in sizes.items()}


def plain_forward(arrays: Arrays, shape: EncoderShape, ids: NDArray[np.int64]) -> NDArray[np.float32]:
    """Vector after vector and head after head, as the papers write it."""
    x = arrays["embeddings.word"][ids] * arrays["embeddings.norm.weight"]
    if "embeddings.projection.weight" in arrays:
        x = x @ arrays["embeddings.projection.weight"].T + arrays["embeddings.projection.bias"]
    for i in range(shape.num_hidden_layers):
        w = {n.removeprefix(f"layers.{i}."): a for n, a in arrays.items() if n.startswith(f"layers.{i}.")}
        q, k, v = (x @ w[f"attention.{p}.weight"].T + w[f"attention.{p}.bias"] for p in ("query", "key", "value"))
        contexts = []
        for a in range(shape.num_attention_heads):
            part = slice(a * shape.head_size, (a + 1) * shape.head_size)
            scores = np.exp(np.tanh(q[:, part] @ k[:, part].T))
            contexts.append(scores / scores.sum(1, keepdims=True) @ v[:, part])
        x = x + np.concatenate(contexts, 1) @ w["attention.output.weight"].T + w["attention.output.bias"]
        x = (x - x.mean(1, keepdims=True)) * w["attention.norm.weight"] + w["attention.norm.bias"]
        y = np.maximum(x @ w["feed_forward.up.weight"].T + w["feed_forward.up.bias"], 0)
        x = x + y @ w["feed_forward.down.weight"].T + w["feed_forward.down.bias"]
        x = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
        x = x * w["feed_forward.norm.weight"] + w["feed_forward.norm.bias"]
    hidden = np.tanh(0.1 * (arrays["heads.1.dense.weight"] @ x[0]) + arrays["heads.1.dense.bias"])
    return arrays["heads.1.out.weight"] @ hidden


def random_scores(shape: EncoderShape, seed: int) -> tuple[NDArray[np.float64], ...]:
    generator = np.random.default_rng(seed)
    layers = shape.num_hidden_layers
    return (
        generator.normal(size=(layers, shape.num_attention_heads)),
        generator.normal(size=(layers, shape.intermediate_size)),
        generator.normal(size=shape.hidden_size),
    )


def test_orders_by_hand() -> None:
    scores = np.array([[0.1, 0.5, 0.5, np.nan], [3.0, -1.0, 0.0, 4.0]])
    np.testing.assert_array_equal(importance_order(scores), [[1, 2, 0, 3], [3, 0, 2, 1]])
    np.testing.assert_array_equal(head_rows(np.array([2, 0, 1]), 2), [4, 5, 0, 1, 2, 3])


@pytest.mark.parametrize("shape", [SHAPE, NARROW])
@given(seed=st.integers(0, 1000))
@settings(max_examples=25)
def test_reordering_keeps_the_outputs(shape: EncoderShape, seed: int) -> None:
    arrays = random_arrays(shape, seed)
    ordered = reorder(arrays, shape, *random_scores(shape, seed + 1))
    ids = np.array([3, 1, 7, 3])
    expected = plain_forward(arrays, shape, ids)
    np.testing.assert_allclose(plain_forward(ordered, shape, ids), expected, rtol=1e-3, atol=1e-4)


def test_the_best_come_first() -> None:
    arrays = random_arrays(SHAPE)
    heads = np.array([[1.0, 3.0, 2.0], [0.0, 0.0, 1.0]])
    neurons = np.array([[0, 0, 9, 1, 0], [5, 4, 3, 2, 1]], float)
    channels = np.array([0, 1, 0, 8, 0, 0], float)
    ordered = reorder(arrays, SHAPE, heads, neurons, channels)
    order = [3, 1, 0, 2, 4, 5]
    np.testing.assert_array_equal(ordered["embeddings.word"], arrays["embeddings.word"][:, order])
    query = arrays["layers.0.attention.query.weight"][[2, 3, 4, 5, 0, 1]][:, order]
    np.testing.assert_array_equal(ordered["layers.0.attention.query.weight"], query)
    up = arrays["layers.0.feed_forward.up.bias"][[2, 3, 0, 1, 4]]
    np.testing.assert_array_equal(ordered["layers.0.feed_forward.up.bias"], up)
    np.testing.assert_array_equal(
        ordered["layers.1.feed_forward.down.weight"], arrays["layers.1.feed_forward.down.weight"][order]
    )


def test_the_given_arrays_stay_as_they_are() -> None:
    arrays = random_arrays(SHAPE)
    before = {name: array.copy() for name, array in arrays.items()}
    ordered = reorder(arrays, SHAPE, *random_scores(SHAPE, 3))
    for name, array in ordered.items():
        np.add(array, 1, out=array)
        np.testing.assert_array_equal(arrays[name], before[name])
    assert ordered.keys() == before.keys()
