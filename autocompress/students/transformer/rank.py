"""Declares the rank of an encoder layer's matrices as a dimension (Noach and Goldberg 2020)."""

from __future__ import annotations

from collections.abc import Sequence

from autocompress.domain.shape import EncoderShape
from autocompress.students.dimension import CostTerm, Dimension, Feature, Label, always, span
from autocompress.students.exit_policies import ExitScores
from autocompress.students.linear_forms.low_rank import RANK as NAME
from autocompress.students.linear_forms.low_rank import is_factored
from autocompress.students.transformer.configuration import TransformerConfiguration
from autocompress.students.transformer.costs import layer_matrices
from autocompress.students.transformer.exits import reach

SHARES = (0.5, 0.375, 0.25)
"""Shares of the full rank. A square matrix has fewer multiplications below a half, one of sides 1 and 4 below 0.8."""


def shares(shape: EncoderShape) -> tuple[float, ...]:
    """Return the shares of the full rank to choose from: 1.0, and those at which the feed-forward network gets faster.

    >>> shares(EncoderShape(6, 384, 12, 1536, 30522, 512, 2, 2, 384))
    (1.0, 0.5, 0.375, 0.25)
    >>> shares(EncoderShape(6, 384, 12, 384, 30522, 512, 2, 2, 384))
    (1.0, 0.375, 0.25)
    """
    hidden, width = shape.hidden_size, shape.intermediate_size
    return (1.0, *(share for share in SHARES if share * min(hidden, width) * (hidden + width) < hidden * width))


def rank_label(values: Sequence[float]) -> str:
    """Return the range of the shares, or an empty string where every layer has its full rank."""
    return span(values) if min(values) < 1 else ""


def further_products(
    configuration: TransformerConfiguration, shape: EncoderShape, confidences: ExitScores | None
) -> float:
    """Return the number of matrices that are two factors, each times the share of requests that reach its layer."""
    count = 0.0
    for layer, share in zip(configuration.layers, reach(configuration, confidences), strict=True):
        matrices = layer_matrices(layer, configuration.hidden_size, shape)
        count += float(share) * sum(is_factored((one.rows, one.columns), one.settings) for one in matrices)
    return count


RANK = Dimension(
    name=NAME,
    students=("transformer",),
    parameter="layer_{index}_rank",
    aspect="architecture",
    options=shares,
    neutral=lambda shape: 1.0,
    smallest=min,
    label=Label(75, "r", rank_label),
    feature=Feature(lambda share, shape: ((1.0 - share) ** 2,), NAME),
    per_layer=True,
    omitted=1.0,
    # Super-networks train at full rank, so a lower one is as far from them as from the teacher, whose cuts, unlike
    # theirs, are factored for the inputs that calibration text gives.
    near_teacher=always,
    latency={"low_rank_products": CostTerm(0.003, further_products)},
)
