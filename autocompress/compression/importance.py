"""Sorts heads, neurons and hidden channels by importance, so that the first n are the n best.

This is the network rewiring of DynaBERT (Hou et al. 2020, section 2.1), applied to hidden channels too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from autocompress.domain.shape import RELATIVE_BIAS, EncoderShape

Arrays: TypeAlias = dict[str, NDArray[np.float32]]
Scores: TypeAlias = NDArray[np.floating[Any]]
Indices: TypeAlias = NDArray[np.intp]


def importance_order(scores: Scores) -> Indices:
    """Return the indices that sort ``scores`` along the last axis, highest first.

    Equal scores keep their order; NaN counts as lowest.

    >>> importance_order(np.array([0.1, 0.7, 0.7, float("nan")])).tolist()
    [1, 2, 0, 3]
    """
    return np.argsort(-np.nan_to_num(np.asarray(scores, np.float64), nan=-np.inf), axis=-1, kind="stable")


def head_rows(order: Indices, head_size: int) -> Indices:
    """Return the row indices [A * d] that put the heads of a query, key or value matrix in ``order`` [A].

    ``head_size`` is d.

    >>> head_rows(np.array([1, 0]), head_size=3).tolist()
    [3, 4, 5, 0, 1, 2]
    """
    return (order[:, None] * head_size + np.arange(head_size)).reshape(-1)


def reorder(
    arrays: Mapping[str, NDArray[np.float32]],
    shape: EncoderShape,
    head_scores: Scores,
    neuron_scores: Scores,
    channel_scores: Scores,
) -> Arrays:
    """Return the encoder's weights with heads, neurons and hidden channels in order of importance; same logits.

    ``head_scores`` [L, A] and ``neuron_scores`` [L, I] sort within each layer, ``channel_scores`` [H] the channels of
    the whole encoder, which its residual connections share. ``arrays`` and the returned copies have canonical names.

    With no layers only the hidden channels are sorted:

    >>> shape = EncoderShape(0, 3, 1, 1, 2, 4, 1, 2, 3)
    >>> none = np.zeros((0, 1))
    >>> arrays = {"embeddings.word": np.array([[1, 2, 3], [4, 5, 6]], np.float32)}
    >>> reorder(arrays, shape, none, none, channel_scores=np.array([0.1, 0.9, 0.5]))["embeddings.word"].tolist()
    [[2.0, 3.0, 1.0], [5.0, 6.0, 4.0]]
    """
    result = dict(arrays)
    for index in range(shape.num_hidden_layers):
        heads = importance_order(head_scores[index])
        rows = head_rows(heads, shape.head_size)
        _permute(result, f"layers.{index}.attention", ("query", "key", "value"), "output", rows)
        bias = f"layers.{index}.{RELATIVE_BIAS}"
        if bias in result:
            result[bias] = np.ascontiguousarray(result[bias][:, heads])
        neurons = importance_order(neuron_scores[index])
        _permute(result, f"layers.{index}.feed_forward", ("up",), "down", neurons)
    channels = importance_order(channel_scores)
    axes = {name: _channel_axis(name, "embeddings.projection.weight" in result) for name in result}
    return {
        name: array.copy() if axis is None else np.ascontiguousarray(np.take(array, channels, axis=axis))
        for (name, array), axis in zip(result.items(), axes.values(), strict=True)
    }


def _permute(arrays: Arrays, prefix: str, writers: tuple[str, ...], reader: str, order: Indices) -> None:
    """Sort the outputs of the ``writers`` and the inputs of the ``reader`` of these outputs by ``order``."""
    for writer in writers:
        arrays[f"{prefix}.{writer}.weight"] = arrays[f"{prefix}.{writer}.weight"][order]
        arrays[f"{prefix}.{writer}.bias"] = arrays[f"{prefix}.{writer}.bias"][order]
    arrays[f"{prefix}.{reader}.weight"] = arrays[f"{prefix}.{reader}.weight"][:, order]


def _channel_axis(name: str, projected: bool) -> int | None:
    """The axis of an array that runs over hidden channels; None if none does."""
    if name.startswith("embeddings."):
        if projected:
            return 0 if name.startswith("embeddings.projection.") else None
        return -1
    if name.startswith("heads."):
        return 1 if name.endswith(".dense.weight") else None
    if name.endswith(RELATIVE_BIAS):
        return None
    module, kind = name.split(".", 2)[2].rsplit(".", 1)
    if module in ("attention.query", "attention.key", "attention.value", "feed_forward.up"):
        return 1 if kind == "weight" else None
    return 0
