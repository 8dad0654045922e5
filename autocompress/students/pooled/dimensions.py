"""Declares the dimensions that students without attention share."""

from __future__ import annotations

import numpy as np

from autocompress.domain.shape import EncoderShape
from autocompress.students.choice import scaled_sizes
from autocompress.students.dimension import Dimension, Feature, Label
from autocompress.students.shared_dimensions import BITS, SPARSITIES, SPARSITY_LABEL, WEIGHT_LABEL, rounding, zeros

POOLED = ("bilstm", "cnn", "alignment")
EMBEDDING_FRACTIONS = (1 / 6, 1 / 3, 2 / 3, 1)


def size_dimension(student: str, options: tuple[int, ...]) -> Dimension:
    """Return the dimension of one student type's hidden size; the largest option is neutral."""
    return Dimension(
        name="hidden_size",
        students=(student,),
        parameter="{student}_hidden_size",
        aspect="architecture",
        options=lambda shape: options,
        neutral=lambda shape: options[-1],
        smallest=min,
        label=Label(20, "H"),
        feature=Feature(lambda size, shape: (float(np.log2(size / 64)),)),
    )


def depth_dimension(student: str, options: tuple[int, ...]) -> Dimension:
    """Return the dimension of one student type's number of layers; the largest option is neutral."""
    return Dimension(
        name="num_layers",
        students=(student,),
        parameter="{student}_num_layers",
        aspect="architecture",
        options=lambda shape: options,
        neutral=lambda shape: options[-1],
        smallest=min,
        label=Label(10, "L"),
        feature=Feature(lambda layers, shape: (layers / 2,)),
    )


def channels(size: int, shape: EncoderShape) -> tuple[float, ...]:
    """Return the binary logarithm of the embedding size relative to 128 channels."""
    return (float(np.log2(size / 128)),)


EMBEDDING_SIZE = Dimension(
    name="embedding_size",
    students=POOLED,
    parameter="{student}_embedding_size",
    aspect="architecture",
    options=lambda shape: scaled_sizes(shape.embedding_size, EMBEDDING_FRACTIONS),
    neutral=lambda shape: shape.embedding_size,
    smallest=min,
    label=Label(60, "E"),
    feature=Feature(channels),
)
WEIGHT_BITS = Dimension(
    name="weight_bits",
    students=POOLED,
    parameter="{student}_weight_bits",
    aspect="precision",
    options=lambda shape: BITS,
    neutral=lambda shape: 8,
    smallest=min,
    label=WEIGHT_LABEL,
    feature=Feature(rounding),
)
SPARSITY = Dimension(
    name="sparsity",
    students=POOLED,
    parameter="{student}_sparsity",
    aspect="sparsity",
    options=lambda shape: SPARSITIES,
    neutral=lambda shape: 0.0,
    smallest=max,
    label=SPARSITY_LABEL,
    feature=Feature(zeros),
)
