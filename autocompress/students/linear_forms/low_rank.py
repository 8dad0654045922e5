"""Replaces a linear layer by two thin ones, through fewer channels (Noach and Goldberg 2020, section 3).

A matrix keeps a share of its full rank, the value ``rank`` of its settings. It stays whole where two factors would not
have fewer weights: a square one at half of its rank, for instance. The factors are pruned and rounded as the other
settings say.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from autocompress.compression.low_rank import low_rank_factors
from autocompress.compression.quantization import Floats
from autocompress.students.choice import scaled
from autocompress.students.linear_forms.dense import DENSE
from autocompress.students.linear_forms.form import LinearForm, LinearSettings
from autocompress.students.linear_forms.sparse import SPARSE

if TYPE_CHECKING:
    from autocompress.artifact.graph import GraphBuilder

RANK = "rank"
# Ranks are whole multiples of it, since kernels compute several channels at once.
MULTIPLE = 8


def share_of(settings: LinearSettings) -> float:
    """Return the share of the full rank that matrices with these settings keep; 1.0 unless the settings say one."""
    return float(dict(settings.extra).get(RANK, 1.0))


def rank_of(shape: tuple[int, ...], settings: LinearSettings) -> int:
    """Return the rank that a weight of this shape keeps: the full one where factors would not have fewer weights.

    >>> half = LinearSettings(8, extra=(("rank", 0.5),))
    >>> rank_of((384, 1536), half), rank_of((384, 384), half)
    (192, 384)
    """
    full = min(shape)
    rank = scaled(full, share_of(settings), MULTIPLE)
    return rank if rank * sum(shape) < math.prod(shape) else full


def is_factored(shape: tuple[int, ...], settings: LinearSettings) -> bool:
    """Return whether a weight of this shape is stored as two factors."""
    return rank_of(shape, settings) < min(shape)


def approximated(weight: Floats, settings: LinearSettings) -> Floats:
    """Return the product [out, in] of the two factors, each pruned and rounded; a whole weight is so itself."""
    form, plain = _of_factors(settings)
    if not is_factored(weight.shape, settings):
        return form.approximated(weight, plain)
    left, right = (form.approximated(factor, plain) for factor in factors(weight, settings))
    return left @ right


def factors(weight: Floats, settings: LinearSettings) -> tuple[Floats, Floats]:
    """Return the factors [out, r] and [r, in] of a weight [out, in]; one of rank r at most loses nothing."""
    return low_rank_factors(weight, rank_of(weight.shape, settings))


def emitted(graph: GraphBuilder, x: str, weights: Sequence[Floats], bias: Floats, settings: LinearSettings) -> str:
    """Add one product with all right factors, then one with each left factor, and return the outputs' name."""
    form, plain = _of_factors(settings)
    if not any(is_factored(weight.shape, settings) for weight in weights):
        return form.emitted(graph, x, weights, bias, plain)
    pairs = [factors(one, settings) if is_factored(one.shape, settings) else (one, None) for one in weights]
    inner = _inner(graph, x, [right for _, right in pairs if right is not None], settings)
    biases = np.split(bias, np.cumsum([len(weight) for weight in weights])[:-1])
    outputs = [
        form.emitted(graph, x if right is None else next(inner), [left], part, plain)
        for (left, right), part in zip(pairs, biases, strict=True)
    ]
    return graph.op("Concat", *outputs, axis=-1) if len(outputs) > 1 else outputs[0]


def multiplications(rows: int, columns: int, settings: LinearSettings) -> float:
    """Return the multiplications per token: those of both factors, or of a whole weight."""
    form, plain = _of_factors(settings)
    return sum(form.multiplications(*shape, plain) for shape in _shapes(rows, columns, settings))


def stored_bytes(rows: int, columns: int, settings: LinearSettings) -> float:
    """Return the bytes of both factors, or of a whole weight."""
    form, plain = _of_factors(settings)
    return sum(form.stored_bytes(*shape, plain) for shape in _shapes(rows, columns, settings))


def _shapes(rows: int, columns: int, settings: LinearSettings) -> tuple[tuple[int, int], ...]:
    """Return the shapes of the matrices that are stored for a weight [rows, columns]."""
    if not is_factored((rows, columns), settings):
        return ((rows, columns),)
    rank = rank_of((rows, columns), settings)
    return (rows, rank), (rank, columns)


def _of_factors(settings: LinearSettings) -> tuple[LinearForm, LinearSettings]:
    """Return the form and the settings of the factors: those without a rank."""
    plain = replace(settings, extra=tuple(pair for pair in settings.extra if pair[0] != RANK))
    return (SPARSE if SPARSE.applies(plain) else DENSE), plain


def _inner(graph: GraphBuilder, x: str, rights: Sequence[Floats], settings: LinearSettings) -> Iterator[str]:
    """Add one product of ``x`` with all ``rights`` [r_i, in], so that it is quantized once, and yield its parts."""
    form, plain = _of_factors(settings)
    ranks = [len(right) for right in rights]
    together = form.emitted(graph, x, rights, np.zeros(sum(ranks), np.float32), plain)
    if len(rights) == 1:
        return iter([together])
    return iter(graph.ops("Split", [together, graph.integers(*ranks)], len(ranks), axis=-1))


LOW_RANK = LinearForm(lambda settings: share_of(settings) < 1.0, approximated, emitted, multiplications, stored_bytes)
