"""Models a file's latency and size as weighted sums of named terms; the surrogate fits the weights to measured files.

The terms of the latency are work per token and overhead per layer; those of an encoder layer are multiplied by the
share of requests that reach it. The terms of the size are bytes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from autocompress.domain.shape import EncoderShape
from autocompress.students.configuration import Configuration
from autocompress.students.exit_policies import ExitScores
from autocompress.students.linear_forms import form_of
from autocompress.students.registry import STUDENTS

MEGA = 1e6
SIZE_PRIOR = {"file": 19e3, "table": 1e6, "weights": 1e6, "layers": 5e3, "fewer_tokens": 4e3}
"""Bytes per unit of each term, assumed until files are measured; a unit of ``table`` and ``weights`` is 1e6 bytes."""


def latency_prior(student: str) -> NDArray[np.float64]:
    """Return the milliseconds [k] per unit of each latency term of a student type, assumed until files are measured."""
    kind = STUDENTS[student]
    return np.array([*kind.latency_prior.values(), *(term.prior_ms for term in kind.added_terms().values())])


def size_prior() -> NDArray[np.float64]:
    """Return the bytes [k] per unit of each term of ``SIZE_PRIOR``."""
    return np.array([*SIZE_PRIOR.values()])


def latency_terms(
    configuration: Configuration, shape: EncoderShape, confidences: ExitScores | None
) -> NDArray[np.float64]:
    """Return the terms [k] of a file's mean latency, in the order of ``latency_prior``.

    ``confidences`` tell which requests leave at an early exit; without them every request passes all layers. KeyError
    names a term that has no prior, or a prior that has no term.

    >>> from autocompress.students.cnn.configuration import CNNConfiguration
    >>> shape = EncoderShape(6, 384, 12, 1536, 30522, 512, 2, 2, 384)
    >>> cnn = CNNConfiguration(embedding_size=200, hidden_size=100, num_layers=1, kernel_size=1, vocabulary_size=4000)
    >>> terms = latency_terms(cnn, shape, None)
    >>> [f"{name} {term:g}" for name, term in zip(STUDENTS["cnn"].latency_prior, terms) if term]
    ['call 1', 'word_channels 0.2', 'layers 1', 'layer_channels 0.1', 'int8_products 0.02']
    """
    kind = STUDENTS[configuration.student]
    terms = in_order(kind.latency_terms(configuration, shape, confidences), kind.latency_prior, f"{kind.name} latency")
    added = [term.amount(configuration, shape, confidences) for term in kind.added_terms().values()]
    return np.array([*terms, *added])


def size_terms(configuration: Configuration, shape: EncoderShape) -> NDArray[np.float64]:
    """Return the terms [k] of a file's size, in the order of ``SIZE_PRIOR``.

    ``table`` and ``weights`` are millions of bytes, ``layers`` a number of layers; ``file`` is 1, and ``fewer_tokens``
    is 1 if the vocabulary is reduced.
    """
    kind, rows, bits = STUDENTS[configuration.student], configuration.vocabulary_size, configuration.embedding_bits
    stored = (
        form_of(one.settings).stored_bytes(one.rows, one.columns, one.settings)
        for one in kind.stored_matrices(configuration, shape)
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
    """Return the amounts of ``terms`` in the order of ``prior``; KeyError names a term or a prior without the other.

    >>> in_order({"layers": 4, "call": 1}, {"call": 0.005, "layers": 0.01}, "latency")
    [1.0, 4.0]
    >>> in_order({"layers": 4}, {"call": 0.005, "layers": 0.01}, "latency")
    Traceback (most recent call last):
    KeyError: "every term of the latency needs a prior and an amount: ['call']"
    """
    if terms.keys() != prior.keys():
        raise KeyError(f"every term of the {what} needs a prior and an amount: {sorted(terms.keys() ^ prior.keys())}")
    return [float(terms[name]) for name in prior]
