"""Adds a head after each layer, which reads the mean of the tokens; the heads serve early exits and smaller depths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from autocompress.domain.shape import EncoderShape
from autocompress.networks.weights import Arrays, head_indices


def add_exit_heads(
    arrays: Arrays, shape: EncoderShape, hidden: int = 128, seed: int = 0
) -> tuple[EncoderShape, Arrays]:
    """Return shape and weights with an untrained head of min(H, ``hidden``) units after every layer.

    Weights are drawn from a normal distribution with deviation 0.02; biases are 0. The teacher's own head is dropped,
    and the shape says mean pooling and relu. The arguments are not changed. ``with_missing_heads`` keeps heads instead.
    """
    generator = np.random.default_rng(seed)
    width = min(shape.hidden_size, hidden)
    result = {name: array for name, array in arrays.items() if not name.startswith("heads.")}
    for index in range(shape.num_hidden_layers):
        for name, rows, columns in (("dense", width, shape.hidden_size), ("out", shape.num_outputs, width)):
            weight = generator.normal(0.0, 0.02, (rows, columns))
            result[f"heads.{index}.{name}.weight"] = weight.astype(np.float32)
            result[f"heads.{index}.{name}.bias"] = np.zeros(rows, np.float32)
    return replace(shape, head_pooling="mean", head_activation="relu"), result


def with_missing_heads(arrays: Arrays, shape: EncoderShape, seed: int = 0) -> tuple[EncoderShape, Arrays]:
    """Return shape and weights with a head after every layer: those of ``arrays``, and untrained ones for the others.

    The heads are those of a teacher: the last one is its own, the others read the mean of the tokens.
    """
    _, fresh = add_exit_heads(arrays, shape, seed=seed)
    kept = {f"heads.{index}." for index in head_indices(arrays)}
    missing = {n: a for n, a in fresh.items() if n.startswith("heads.") and not n.startswith(tuple(kept))}
    return shape, arrays | missing
