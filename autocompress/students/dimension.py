"""Defines the contract of a search dimension: one record says all that the search must know of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autocompress.domain.shape import EncoderShape
from autocompress.students.choice import Choice, Value

Confidences = NDArray[np.float32]
"""How sure an exit after each layer is of each request, [layers of the teacher, requests]."""


def span(values: Sequence[Any]) -> str:
    """The only value, or the least and the largest as ``4-8``."""
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low}-{high}"


def always(value: Any, shape: EncoderShape) -> bool:
    """Hold for every value of a dimension."""
    return True


@dataclass(frozen=True)
class Label:
    """How a configuration's values are named in its description, such as ``w4-8``.

    ``letters`` come first, then the ``summary`` of the values of all dimensions with an equal label (one value for each
    kept layer, if they are of layers); an empty summary leaves the label out. Labels stand in the order of ``place``.
    """

    place: int
    letters: str
    summary: Callable[[Sequence[Any]], str] = span


@dataclass(frozen=True)
class Feature:
    """Numbers of about unit range that the quality may depend on smoothly; the surrogate learns from them.

    ``numbers`` are given a value and the teacher's shape. Of a dimension of layers the means over the kept layers
    count, and the ``worst`` of all numbers of all dimensions of one ``group``, if it is named.
    """

    numbers: Callable[[Any, EncoderShape], tuple[float, ...]]
    group: str = ""
    worst: Callable[[Sequence[float]], float] = max


@dataclass(frozen=True)
class CostTerm:
    """A term of a file's mean latency: ``amount`` of a configuration, and the ``prior_ms`` that a unit of it takes.

    Priors were fitted to texts of 25 tokens on one core of an AMD EPYC; the surrogate scales and refits them to what it
    measures, so their ratios matter. ``amount`` is given the configuration, the teacher's shape and the confidences.
    """

    prior_ms: float
    amount: Callable[[Any, EncoderShape, Confidences | None], float]


@dataclass(frozen=True)
class Dimension:
    """One thing that may vary in ``students``, as a whole or, with ``per_layer``, in each kept layer of the encoder.

    ``name`` is a field of the configuration (or of its layers); a dimension without a field of its own keeps its value
    among the configuration's ``extra``, where the ``omitted`` value, which is its neutral one, is left out: so digests
    and files of studies without the dimension stay as they are.

    ``parameter`` names the trial's parameter; ``{student}`` and ``{index}`` stand for the type and the layer.
    ``aspect`` is what a search space must free for it to vary: architecture, precision, sparsity or exits.
    ``options`` and the ``neutral`` value (that of the teacher, which changes nothing) are given the teacher's shape;
    ``smallest`` picks the option that makes the smallest and fastest model.

    ``near`` says whether weights cut from the teacher itself are a better start for a value than a super-network's;
    ``whole`` whether a value leaves the teacher's layers as they are, so that training gains nothing. Both hold for the
    neutral value alone unless they are given. ``latency`` names terms of the latency that the dimension adds.
    """

    name: str
    students: tuple[str, ...]
    parameter: str
    aspect: str
    options: Callable[[EncoderShape], tuple[Any, ...]]
    neutral: Callable[[EncoderShape], Any]
    smallest: Callable[[Sequence[Any]], Any]
    label: Label
    feature: Feature
    per_layer: bool = False
    omitted: Value | None = None
    near: Callable[[Any, EncoderShape], bool] | None = None
    whole: Callable[[Any, EncoderShape], bool] | None = None
    latency: Mapping[str, CostTerm] | None = None

    def choice(self, student: str, shape: EncoderShape, free: AbstractSet[str], index: int = 0) -> Choice[Any]:
        """The parameter of one student type (and layer); the neutral value is the only option where nothing varies."""
        options = self.options(shape) if self.aspect in free else (self.neutral(shape),)
        name = self.parameter.format(student=student, index=index)
        return Choice(name, options, self.smallest(options))

    def values(self, configuration: Any) -> list[Any]:
        """The configuration's value, or that of each kept layer."""
        holders = configuration.layers if self.per_layer else (configuration,)
        return [self.value_of(holder) for holder in holders]

    def value_of(self, holder: Any) -> Any:
        """The value in a configuration or a layer."""
        names = {field.name for field in fields(holder)}
        return getattr(holder, self.name) if self.name in names else dict(holder.extra).get(self.name, self.omitted)

    def numbers(self, configuration: Any, shape: EncoderShape, confidences: Confidences | None) -> list[float]:
        """The feature's numbers of the value, or their means over the layers."""
        found = [self.feature.numbers(value, shape) for value in self.values(configuration)]
        return [float(number) for number in np.mean(found, axis=0)]

    def is_near(self, configuration: Any, shape: EncoderShape) -> bool:
        """Whether the teacher's own weights are the better start for every value of the configuration."""
        neutral, near = self.neutral(shape), self.near
        return all(value == neutral if near is None else near(value, shape) for value in self.values(configuration))

    def is_whole(self, configuration: Any, shape: EncoderShape) -> bool:
        """Whether every value of the configuration leaves the teacher's layers as they are."""
        neutral, whole = self.neutral(shape), self.whole
        return all(value == neutral if whole is None else whole(value, shape) for value in self.values(configuration))


def labels_of(dimensions: Sequence[Dimension], configuration: Any) -> list[tuple[int, str]]:
    """The labels of a configuration with their places, those without anything to say left out."""
    values: dict[Label, list[Any]] = {}
    for dimension in dimensions:
        values.setdefault(dimension.label, []).extend(dimension.values(configuration))
    told = [(label, label.summary(found)) for label, found in values.items()]
    return [(label.place, f"{label.letters}{text}") for label, text in told if text]


def feature_numbers(
    dimensions: Sequence[Dimension], configuration: Any, shape: EncoderShape, confidences: Confidences | None
) -> list[float]:
    """The numbers of each dimension, then the worst of each group over the kept layers."""
    found: list[float] = []
    groups: dict[str, tuple[Feature, list[float]]] = {}
    for dimension in dimensions:
        found += dimension.numbers(configuration, shape, confidences)
        if dimension.per_layer and dimension.feature.group:
            _, known = groups.setdefault(dimension.feature.group, (dimension.feature, []))
            known += [x for value in dimension.values(configuration) for x in dimension.feature.numbers(value, shape)]
    return [*found, *(float(feature.worst(known)) for feature, known in groups.values())]
