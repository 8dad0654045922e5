"""Declares the dimensions of the encoder's sub-networks and of their layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autocompress.domain.shape import EncoderShape
from autocompress.students.choice import scaled_sizes
from autocompress.students.dimension import Dimension, Feature, Label
from autocompress.students.dimension import always as any_value
from autocompress.students.exit_policies import ExitScores
from autocompress.students.shared_dimensions import (
    BITS,
    SPARSITIES,
    SPARSITY_LABEL,
    WEIGHT_LABEL,
    has_no_zeros,
    is_not_rounded,
    rounding,
    zeros,
)

TRANSFORMER = ("transformer",)
HIDDEN_FRACTIONS = (1 / 3, 1 / 2, 2 / 3, 1)
HEAD_FRACTIONS = (1 / 6, 1 / 4, 1 / 3, 1 / 2, 1)
INTERMEDIATE_FRACTIONS = (1 / 12, 1 / 6, 1 / 3, 1 / 2, 1)
LEAST_WIDTH = 0.33
"""Fraction of the teacher's heads or neurons above which its own weights, reconstructed, are the better start."""


def count(values: Sequence[Any]) -> str:
    """Return the number of values."""
    return str(len(values))


class KeptLayers(Dimension):
    """Declares which layers of the encoder are kept; the first one always is."""

    def values(self, configuration: Any) -> list[int]:
        """Return the teacher's indices of the kept layers."""
        return [layer.index for layer in configuration.layers]

    def numbers(self, configuration: Any, shape: EncoderShape, confidences: ExitScores | None) -> list[float]:
        """Return the fraction of layers that are kept, then 0.5 or 0 for each of the teacher's: whether it is kept."""
        kept, depth = set(self.values(configuration)), shape.num_hidden_layers
        return [len(kept) / depth, *(0.5 * (index in kept) for index in range(depth))]

    def is_near_teacher(self, configuration: Any, shape: EncoderShape) -> bool:
        """Return whether the kept layers are the lowest: untrained, a layer can only read the one below it."""
        kept = self.values(configuration)
        return kept == list(range(len(kept)))

    def keeps_teacher_layers(self, configuration: Any, shape: EncoderShape) -> bool:
        """Return True: leaving layers out does not change the others."""
        return True


HIDDEN_SIZE = Dimension(
    name="hidden_size",
    students=TRANSFORMER,
    parameter="hidden_size",
    aspect="architecture",
    options=lambda shape: scaled_sizes(shape.hidden_size, HIDDEN_FRACTIONS),
    neutral=lambda shape: shape.hidden_size,
    smallest=min,
    label=Label(20, "H"),
    feature=Feature(lambda size, shape: (size / shape.hidden_size,)),
)
KEPT_LAYERS = KeptLayers(
    name="layer",
    students=TRANSFORMER,
    parameter="layer_{index}",
    aspect="architecture",
    options=lambda shape: (True, False),
    neutral=lambda shape: True,
    smallest=min,
    label=Label(10, "L", count),
    feature=Feature(lambda index, shape: ()),
)
NUM_ATTENTION_HEADS = Dimension(
    name="num_attention_heads",
    students=TRANSFORMER,
    parameter="layer_{index}_heads",
    aspect="architecture",
    options=lambda shape: scaled_sizes(shape.num_attention_heads, HEAD_FRACTIONS, 1),
    neutral=lambda shape: shape.num_attention_heads,
    smallest=min,
    label=Label(30, "A"),
    feature=Feature(lambda heads, shape: (float(np.sqrt(heads / shape.num_attention_heads)),), "heads", min),
    per_layer=True,
    near_teacher=lambda heads, shape: heads >= LEAST_WIDTH * shape.num_attention_heads,
)
INTERMEDIATE_SIZE = Dimension(
    name="intermediate_size",
    students=TRANSFORMER,
    parameter="layer_{index}_intermediate",
    aspect="architecture",
    options=lambda shape: scaled_sizes(shape.intermediate_size, INTERMEDIATE_FRACTIONS),
    neutral=lambda shape: shape.intermediate_size,
    smallest=min,
    label=Label(40, "F"),
    feature=Feature(lambda size, shape: (float(np.sqrt(size / shape.intermediate_size)),), "neurons", min),
    per_layer=True,
    near_teacher=lambda size, shape: size >= LEAST_WIDTH * shape.intermediate_size,
)
ATTENTION_BITS = Dimension(
    name="attention_bits",
    students=TRANSFORMER,
    parameter="layer_{index}_attention_bits",
    aspect="precision",
    options=lambda shape: BITS,
    neutral=lambda shape: 8,
    smallest=min,
    label=WEIGHT_LABEL,
    feature=Feature(rounding, "rounding"),
    per_layer=True,
    near_teacher=any_value,
    keeps_layers=is_not_rounded,
)
FEED_FORWARD_BITS = replace(ATTENTION_BITS, name="feed_forward_bits", parameter="layer_{index}_feed_forward_bits")
LAYER_SPARSITY = Dimension(
    name="sparsity",
    students=TRANSFORMER,
    parameter="layer_{index}_sparsity",
    aspect="sparsity",
    options=lambda shape: SPARSITIES,
    neutral=lambda shape: 0.0,
    smallest=max,
    label=SPARSITY_LABEL,
    feature=Feature(zeros, "zeros"),
    per_layer=True,
    near_teacher=any_value,
    keeps_layers=has_no_zeros,
)
