"""Adds a head for early exits after each layer, on the mean of the tokens."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from autocompress.domain.shape import EncoderShape
from autocompress.networks.weights import Arrays


def add_exit_heads(
    arrays: Arrays, shape: EncoderShape, hidden: int = 128, seed: int = 0
) -> tuple[EncoderShape, Arrays]:
    """Put a fresh head (normal 0.02, zero biases) of min(H, ``hidden``) units after every layer.

    The teacher's own head is dropped. Returns the shape with mean pooling and relu, and the arrays; the given ones
    are not changed.
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
