"""Declares the dimensions that every student type has, and options and features that dimensions share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autocompress.domain.shape import EncoderShape
from autocompress.students.dimension import Dimension, Feature, Label, always

EVERY_TYPE = ("transformer", "bilstm", "cnn")
BITS = (8, 4, 2, 32)
SPARSITIES = (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
VOCABULARIES = (2000, 4000, 8000, 16000)
ROUNDING = {32: 0.0, 8: 0.1, 4: 0.4, 2: 1.0}
"""How much a number format hurts, from not at all to most."""


def largest_zeros(values: Sequence[float]) -> str:
    """The largest sparsity, or nothing where there is none."""
    return f"{max(values):.1f}" if max(values) else ""


def rounding(bits: int, shape: EncoderShape) -> tuple[float, ...]:
    """How much the bits hurt."""
    return (ROUNDING[bits],)


def zeros(sparsity: float, shape: EncoderShape) -> tuple[float, ...]:
    """Few zeros hardly hurt and many hurt much."""
    return sparsity, sparsity**4


def vocabulary_sizes(shape: EncoderShape) -> tuple[int, ...]:
    """How many of the most frequent tokens keep a row of the embedding table."""
    return (*(size for size in VOCABULARIES if size < shape.vocab_size), shape.vocab_size)


def vocabulary_number(size: int, shape: EncoderShape) -> tuple[float, ...]:
    """Doublings above or below 8,000 tokens, halved."""
    return (float(np.log2(size / 8000) / 2),)


def is_not_rounded(bits: Any, shape: EncoderShape) -> bool:
    """Whether rounding to these bits loses next to nothing."""
    return bool(bits >= 8)


def has_no_zeros(sparsity: Any, shape: EncoderShape) -> bool:
    """Whether no weight was removed."""
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
    near=always,
    whole=always,
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
    near=always,
    whole=always,
)
