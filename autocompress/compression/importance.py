"""Putting heads, neurons and hidden channels in order of importance, so that a prefix holds the best of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from autocompress.domain.shape import EncoderShape

Arrays: TypeAlias = dict[str, NDArray[np.float32]]
Scores: TypeAlias = NDArray[np.floating[Any]]
Indices: TypeAlias = NDArray[np.intp]


def importance_order(scores: Scores) -> Indices:
    """Indices along the last axis, highest score first; ties keep their order, NaN counts as lowest."""
    return np.argsort(-np.nan_to_num(np.asarray(scores, np.float64), nan=-np.inf), axis=-1, kind="stable")


def head_rows(order: Indices, head_size: int) -> Indices:
    """Rows [A * d] of a query, key or value matrix that put its heads in ``order`` [A]."""
    return (order[:, None] * head_size + np.arange(head_size)).reshape(-1)


def reorder(
    arrays: Mapping[str, NDArray[np.float32]],
    shape: EncoderShape,
    head_scores: Scores,
    neuron_scores: Scores,
    channel_scores: Scores,
) -> Arrays:
    """Permute heads and neurons within each layer and hidden channels everywhere; the logits stay the same.

    ``head_scores`` [L, A] and ``neuron_scores`` [L, I] order each layer, ``channel_scores`` [H] the channels of the
    whole encoder, which its residual connections share. Returns copies under the same canonical names.
    """
    result = dict(arrays)
    for index in range(shape.num_hidden_layers):
        rows = head_rows(importance_order(head_scores[index]), shape.head_size)
        _permute(result, f"layers.{index}.attention", ("query", "key", "value"), "output", rows)
        neurons = importance_order(neuron_scores[index])
        _permute(result, f"layers.{index}.feed_forward", ("up",), "down", neurons)
    channels = importance_order(channel_scores)
    axes = {name: _channel_axis(name, "embeddings.projection.weight" in result) for name in result}
    return {
        name: array.copy() if axis is None else np.ascontiguousarray(np.take(array, channels, axis=axis))
        for (name, array), axis in zip(result.items(), axes.values(), strict=True)
    }


def _permute(arrays: Arrays, prefix: str, writers: tuple[str, ...], reader: str, order: Indices) -> None:
    """Put the outputs of the writing matrices, and with them the inputs of the reading one, in ``order``."""
    for writer in writers:
        arrays[f"{prefix}.{writer}.weight"] = arrays[f"{prefix}.{writer}.weight"][order]
        arrays[f"{prefix}.{writer}.bias"] = arrays[f"{prefix}.{writer}.bias"][order]
    arrays[f"{prefix}.{reader}.weight"] = arrays[f"{prefix}.{reader}.weight"][:, order]


def _channel_axis(name: str, projected: bool) -> int | None:
    """The axis of an array that runs over hidden channels, or None."""
    if name.startswith("embeddings."):
        if projected:
            return 0 if name.startswith("embeddings.projection.") else None
        return -1
    if name.startswith("heads."):
        return 1 if name.endswith(".dense.weight") else None
    module, kind = name.split(".", 2)[2].rsplit(".", 1)
    if module in ("attention.query", "attention.key", "attention.value", "feed_forward.up"):
        return 1 if kind == "weight" else None
    return 0
