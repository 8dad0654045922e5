"""Models a file's latency and size as sums of named terms, whose weights are fitted to measured files.

The terms of a file's latency are work per token and overhead per layer, where the work of an encoder layer counts as
often as requests reach it; those of its size are bytes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from autocompress.domain.shape import EncoderShape
from autocompress.students.configuration import Configuration
from autocompress.students.dimension import Confidences
from autocompress.students.linear_forms import form_of
from autocompress.students.registry import STUDENTS

MEGA = 1e6
SIZE_PRIOR = {"file": 19e3, "table": 1e6, "weights": 1e6, "layers": 5e3, "fewer_tokens": 4e3}
"""Bytes that a unit of each term takes before anything was measured; tables and weights count in millions of bytes."""


def latency_prior(student: str) -> NDArray[np.float64]:
    """Milliseconds [k] that a unit of each term of a student type's latency takes before anything was measured."""
    kind = STUDENTS[student]
    return np.array([*kind.latency_prior.values(), *(term.prior_ms for term in kind.added_terms().values())])


def size_prior() -> NDArray[np.float64]:
    """Bytes [k] that a unit of each term of a file's size takes before anything was measured."""
    return np.array([*SIZE_PRIOR.values()])


def latency_terms(
    configuration: Configuration, shape: EncoderShape, confidences: Confidences | None
) -> NDArray[np.float64]:
    """Terms [k] of the mean latency in the order of ``latency_prior``; KeyError names one that only one of them has."""
    kind = STUDENTS[configuration.student]
    terms = in_order(kind.latency_terms(configuration, shape, confidences), kind.latency_prior, f"{kind.name} latency")
    added = [term.amount(configuration, shape, confidences) for term in kind.added_terms().values()]
    return np.array([*terms, *added])


def size_terms(configuration: Configuration, shape: EncoderShape) -> NDArray[np.float64]:
    """Bytes of the embedding table, of the weights, and of everything else (per file and per layer), in millions."""
    kind, rows, bits = STUDENTS[configuration.student], configuration.vocabulary_size, configuration.embedding_bits
    stored = (
        form_of(one.settings).stored_bytes(one.rows, one.columns, one.settings)
        for one in kind.matrices(configuration, shape)
    )
    table = rows * kind.table_width(configuration, shape) * bits / 8 + (2 * rows if bits < 32 else 0)
    terms = {
        "file": 1.0,
        "table": table / MEGA,
        "weights": (sum(stored) + kind.side_matrices_bytes(configuration, shape)) / MEGA,
        "layers": kind.depth(configuration),
        "fewer_tokens": rows < shape.vocab_size,
    }
    return np.array(in_order(terms, SIZE_PRIOR, "size"))


def in_order(terms: Mapping[str, float], prior: Mapping[str, float], what: str) -> list[float]:
    """The terms in the order of their priors; KeyError names a term without a prior, or a prior without a term."""
    if terms.keys() != prior.keys():
        raise KeyError(f"every term of the {what} needs a prior and an amount: {sorted(terms.keys() ^ prior.keys())}")
    return [float(terms[name]) for name in prior]
