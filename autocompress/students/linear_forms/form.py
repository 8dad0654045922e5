"""Defines the contract of a form of linear layer: how its weights are approximated, emitted and counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autocompress.compression.quantization import Floats
from autocompress.students.choice import Value

if TYPE_CHECKING:
    from autocompress.artifact.graph import GraphBuilder


@dataclass(frozen=True)
class LinearSettings:
    """Says how a weight matrix is stored: bits per weight, fraction of zeros, values of other dimensions by name."""

    bits: int
    sparsity: float = 0.0
    extra: tuple[tuple[str, Value], ...] = ()


@dataclass(frozen=True)
class LinearForm:
    """One form of linear layer, for the elastic networks, the emitter and the cost terms.

    ``applies`` tells whether a layer's settings ask for it. ``approximated`` returns the float32 values [out, in] that
    the artefact holds for a weight [out, in]; fake quantization trains with them. ``emitted`` adds to a graph the
    product of ``x [.., in]`` with several weights [out_i, in], concatenated, plus a bias [sum of out_i], and returns
    the output's name. ``multiplications`` per token and ``stored_bytes`` are those of a weight [rows, columns].
    """

    applies: Callable[[LinearSettings], bool]
    approximated: Callable[[Floats, LinearSettings], Floats]
    emitted: Callable[[GraphBuilder, str, Sequence[Floats], Floats, LinearSettings], str]
    multiplications: Callable[[int, int, LinearSettings], float]
    stored_bytes: Callable[[int, int, LinearSettings], float]
