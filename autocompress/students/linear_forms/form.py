"""Defines the contract of a form of linear layer: how weights are approximated, emitted and counted."""

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
    """How one weight matrix is kept: bits per weight, fraction of zeros, and values of further dimensions by name."""

    bits: int
    sparsity: float = 0.0
    extra: tuple[tuple[str, Value], ...] = ()


@dataclass(frozen=True)
class LinearForm:
    """One form, used by the elastic network, the emitter and the cost terms alike.

    ``applies`` says whether settings ask for it. ``approximated`` gives the float32 values [out, in] that the artefact
    holds of a weight [out, in]; training sees them. ``emitted`` adds to a graph the product of ``x [.., in]`` with
    several weights [out_i, in] side by side plus a bias [sum of out_i], and returns the output's name.
    ``multiplications`` and ``stored_bytes`` count what a weight of ``rows`` times ``columns`` takes.
    """

    applies: Callable[[LinearSettings], bool]
    approximated: Callable[[Floats, LinearSettings], Floats]
    emitted: Callable[[GraphBuilder, str, Sequence[Floats], Floats, LinearSettings], str]
    multiplications: Callable[[int, int, LinearSettings], float]
    stored_bytes: Callable[[int, int, LinearSettings], float]
