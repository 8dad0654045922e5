"""A dimension in one file: the share of a matrix's singular values that an encoder layer keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autocompress.artifact.blocks import linear
from autocompress.artifact.graph import GraphBuilder
from autocompress.compression.quantization import Floats
from autocompress.students import DIMENSIONS
from autocompress.students.dimension import CostTerm, Dimension, Feature, Label, always, span
from autocompress.students.linear_forms import LINEAR_FORMS, LinearForm, LinearSettings
from autocompress.students.linear_forms.dense import DENSE


def rank_of(rows: int, columns: int, settings: LinearSettings) -> int:
    """The rank that is kept: a share of the full one."""
    return max(1, round(dict(settings.extra).get("spectrum", 1.0) * min(rows, columns)))


def factors(weight: Floats, settings: LinearSettings) -> tuple[Floats, Floats]:
    """Factors [out, r] and [r, in] whose product comes nearest to ``weight`` [out, in] (Eckart and Young 1936)."""
    rank = rank_of(*weight.shape, settings)
    left, values, right = np.linalg.svd(weight.astype(np.float64), full_matrices=False)
    root = np.sqrt(values[:rank])
    return (left[:, :rank] * root).astype(np.float32), (root[:, None] * right[:rank]).astype(np.float32)


def approximated(weight: Floats, settings: LinearSettings) -> Floats:
    """The product of the factors after rounding each."""
    left, right = (DENSE.approximated(factor, settings) for factor in factors(weight, settings))
    return left @ right


def emitted(graph: GraphBuilder, x: str, weights: Sequence[Floats], bias: Floats, settings: LinearSettings) -> str:
    """Two products for each weight, side by side."""
    outputs, begin = [], 0
    for weight in weights:
        left, right = factors(weight, settings)
        inner = linear(graph, x, right, np.zeros(len(right), np.float32), settings.bits)
        outputs.append(linear(graph, inner, left, bias[begin : begin + len(left)], settings.bits))
        begin += len(left)
    return graph.op("Concat", *outputs, axis=-1) if len(outputs) > 1 else outputs[0]


def count(rows: int, columns: int, settings: LinearSettings) -> float:
    """Weights of both factors."""
    return rank_of(rows, columns, settings) * (rows + columns)


def truncated_layers(configuration: Any, shape: Any, confidences: Any) -> float:
    """Layers whose matrices are factored."""
    return sum(SPECTRUM.value_of(layer) < 1 for layer in configuration.layers)


TRUNCATED = LinearForm(
    applies=lambda settings: dict(settings.extra).get("spectrum", 1.0) < 1.0,
    approximated=approximated,
    emitted=emitted,
    multiplications=count,
    stored_bytes=lambda rows, columns, settings: count(rows, columns, settings) * settings.bits / 8,
)
SPECTRUM = Dimension(
    name="spectrum",
    students=("transformer",),
    parameter="layer_{index}_spectrum",
    aspect="architecture",
    options=lambda shape: (1.0, 0.5, 0.25),
    neutral=lambda shape: 1.0,
    smallest=min,
    label=Label(76, "k", lambda values: span(values) if min(values) < 1 else ""),
    feature=Feature(lambda share, shape: (1.0 - share,), "spectrum"),
    per_layer=True,
    omitted=1.0,
    near_teacher=always,
    latency={"truncated_layers": CostTerm(0.01, truncated_layers)},
)
LINEAR_FORMS["truncated"] = TRUNCATED
DIMENSIONS["layers.spectrum"] = SPECTRUM
