"""Declares the dimensions of every student type, and the options and features that several dimensions use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autocompress.domain.shape import EncoderShape
from autocompress.students.dimension import Dimension, Feature, Label, always

EVERY_TYPE = ("transformer", "bilstm", "cnn", "alignment")
BITS = (8, 4, 2, 32)
SPARSITIES = (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
VOCABULARIES = (2000, 4000, 8000, 16000)
ROUNDING = {32: 0.0, 8: 0.1, 4: 0.4, 2: 1.0}
"""Loss of quality by bits per weight, on a scale from 0 (none) to 1 (largest)."""


def largest_zeros(values: Sequence[float]) -> str:
    """Return the largest sparsity with one decimal, or an empty string if all are 0."""
    return f"{max(values):.1f}" if max(values) else ""


def rounding(bits: int, shape: EncoderShape) -> tuple[float, ...]:
    """Return the entry of ``ROUNDING`` as a feature."""
    return (ROUNDING[bits],)


def zeros(sparsity: float, shape: EncoderShape) -> tuple[float, ...]:
    """Return the sparsity and its fourth power: quality falls little at low sparsity and steeply at high sparsity."""
    return sparsity, sparsity**4


def vocabulary_sizes(shape: EncoderShape) -> tuple[int, ...]:
    """Return the vocabulary sizes to choose from: how many of the most frequent tokens keep their embedding."""
    return (*(size for size in VOCABULARIES if size < shape.vocab_size), shape.vocab_size)


def vocabulary_number(size: int, shape: EncoderShape) -> tuple[float, ...]:
    """Return half the binary logarithm of the vocabulary size relative to 8,000 tokens."""
    return (float(np.log2(size / 8000) / 2),)


def is_not_rounded(bits: Any, shape: EncoderShape) -> bool:
    """Return whether there are at least 8 bits per weight, at which rounding loses next to nothing."""
    return bool(bits >= 8)


def has_no_zeros(sparsity: Any, shape: EncoderShape) -> bool:
    """Return whether no weight is pruned."""
    return bool(sparsity == 0)


WEIGHT_LABEL = Label(70, "w")
SPARSITY_LABEL = Label(80, "s", largest_zeros)

VOCABULARY_SIZE = Dimension(
    name="vocabulary_size",
    students=EVERY_TYPE,
    parameter="vocabulary_size",
    aspect="architecture",
    options=vocabulary_sizes,
    neutral=lambda shape: shape.vocab_size,
    smallest=min,
    label=Label(100, "v"),
    feature=Feature(vocabulary_number),
    near_teacher=always,
    keeps_layers=always,
)
EMBEDDING_BITS = Dimension(
    name="embedding_bits",
    students=EVERY_TYPE,
    parameter="embedding_bits",
    aspect="precision",
    options=lambda shape: BITS,
    neutral=lambda shape: 8,
    smallest=min,
    label=Label(90, "e"),
    feature=Feature(rounding),
    near_teacher=always,
    keeps_layers=always,
)
