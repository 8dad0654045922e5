"""Keeps all weights of a linear layer, in the bits that are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from autocompress.compression.quantization import Floats, dequantize, quantize
from autocompress.students.linear_forms.form import LinearForm, LinearSettings

if TYPE_CHECKING:
    from autocompress.artifact.graph import GraphBuilder


def approximated(weight: Floats, settings: LinearSettings) -> Floats:
    """The weight [out, in] after rounding to its bits, a scale per row; itself at 32 bits."""
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
    """One product for all weights, by int8 kernels below 32 bits."""
    from autocompress.artifact.blocks import linear

    return linear(graph, x, np.concatenate(weights), bias, settings.bits, sparse=sparse)


def multiplications(rows: int, columns: int, settings: LinearSettings) -> float:
    """One for each weight."""
    return rows * columns


def stored_bytes(rows: int, columns: int, settings: LinearSettings) -> float:
    """All weights in their bits."""
    return rows * columns * settings.bits / 8


DENSE = LinearForm(lambda settings: True, approximated, emitted, multiplications, stored_bytes)
