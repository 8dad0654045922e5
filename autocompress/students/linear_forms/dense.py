"""Stores all weights of a linear layer, rounded to a number of bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from autocompress.compression.quantization import Floats, dequantize, quantize
from autocompress.students.linear_forms.form import LinearForm, LinearSettings

if TYPE_CHECKING:
    from autocompress.artifact.graph import GraphBuilder


def approximated(weight: Floats, settings: LinearSettings) -> Floats:
    """Return the weight [out, in] rounded to its bits with one scale per row; at 32 bits it is unchanged."""
    return weight if settings.bits == 32 else dequantize(*quantize(weight, settings.bits))


def emitted(
    graph: GraphBuilder,
    x: str,
    weights: Sequence[Floats],
    bias: Floats,
    settings: LinearSettings,
    *,
    sparse: bool = False,
) -> str:
    """Add a single product with the concatenated weights, by int8 kernels below 32 bits, and return its name."""
    from autocompress.artifact.blocks import linear

    return linear(graph, x, np.concatenate(weights), bias, settings.bits, sparse=sparse)


def multiplications(rows: int, columns: int, settings: LinearSettings) -> float:
    """Return the multiplications per token: one for each weight."""
    return rows * columns


def stored_bytes(rows: int, columns: int, settings: LinearSettings) -> float:
    """Return the bytes of all weights in their bits."""
    return rows * columns * settings.bits / 8


DENSE = LinearForm(lambda settings: True, approximated, emitted, multiplications, stored_bytes)
