"""Defines the contract of a search dimension: one record declares everything that the search needs to know about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from autocompress.domain.shape import EncoderShape
from autocompress.students.choice import Choice, Value
from autocompress.students.exit_policies import ExitScores


def span(values: Sequence[Any]) -> str:
    """Return the only value, or the smallest and the largest.

    >>> span([8, 8]), span([8, 4, 2])
    ('8', '2-8')
    """
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low}-{high}"


def always(value: Any, shape: EncoderShape) -> bool:
    """Return True: a dimension's ``near_teacher`` or ``keeps_layers`` that holds for every value."""
    return True


@dataclass(frozen=True)
class Label:
    """Formats a dimension's values in the description of a configuration, such as ``w4-8``.

    ``letters`` come first, then ``summary`` of the values (one for each kept layer, if the dimension is per layer).
    Values of dimensions with equal labels are summarized together; an empty summary leaves the label out. Labels are
    sorted by ``place``.
    """

    place: int
    letters: str
    summary: Callable[[Sequence[Any]], str] = span


@dataclass(frozen=True)
class Feature:
    """Turns a value into features from which the surrogate predicts quality.

    ``numbers`` takes a value and the teacher's shape; it returns numbers of about unit range on which quality depends
    smoothly. Those of a dimension per layer are averaged over the kept layers. Dimensions per layer that name the same
    ``group`` have one more feature in common: the ``worst`` (min or max) of all their numbers over the kept layers.
    """

    numbers: Callable[[Any, EncoderShape], tuple[float, ...]]
    group: str = ""
    worst: Callable[[Sequence[float]], float] = max


@dataclass(frozen=True)
class CostTerm:
    """A term of a file's mean latency: an ``amount`` of work, and the milliseconds ``prior_ms`` per unit of it.

    ``amount`` takes the configuration, the teacher's shape and the confidences. Priors were fitted to texts of 25
    tokens on one core of an AMD EPYC; the surrogate scales and refits them to what it measures, so their ratios matter.
    """

    prior_ms: float
    amount: Callable[[Any, EncoderShape, ExitScores | None], float]


@dataclass(frozen=True)
class Dimension:
    """Declares one property that varies in the student types ``students``, once or, with ``per_layer``, in each layer.

    ``name`` is a field of the configuration (or of its layers). A dimension without such a field keeps its value in the
    configuration's ``extra``; its neutral value, ``omitted``, is left out there, so that digests and files of studies
    without the dimension do not change.

    ``parameter`` is the name of the trial's parameter; ``{student}`` and ``{index}`` in it are replaced by the type and
    the layer. The dimension varies in search spaces that vary its ``aspect``: architecture, precision, sparsity or
    exits. ``options`` returns the values to choose from, and ``neutral`` the one that changes nothing (the teacher's,
    at 8 bits); both take the teacher's shape. ``smallest`` picks the option of the smallest and fastest model.

    ``near_teacher`` tells whether, at a value, weights cut from the teacher itself are a better start than those of a
    trained super-network. ``keeps_layers`` tells whether a value leaves the teacher's layers unchanged, so that further
    training gains nothing. Where they are None, they hold for the neutral value alone. ``latency`` adds terms, by name,
    to those of the student type's latency.
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
    near_teacher: Callable[[Any, EncoderShape], bool] | None = None
    keeps_layers: Callable[[Any, EncoderShape], bool] | None = None
    latency: Mapping[str, CostTerm] | None = None

    def choice(self, student: str, shape: EncoderShape, free: AbstractSet[str], index: int = 0) -> Choice[Any]:
        """Return the trial's parameter for a student type (and the layer ``index``).

        The neutral value is the only option unless ``free``, the aspects that vary, contains the dimension's aspect.

        >>> from autocompress.students import DIMENSIONS
        >>> shape = EncoderShape(6, 384, 12, 1536, 30522, 512, 2, 2, 384)
        >>> DIMENSIONS["layers.attention_bits"].choice("transformer", shape, {"precision"}, index=2)
        Choice(name='layer_2_attention_bits', options=(8, 4, 2, 32), smallest=2)
        >>> DIMENSIONS["layers.attention_bits"].choice("transformer", shape, {"sparsity"}, index=2).options
        (8,)
        """
        options = self.options(shape) if self.aspect in free else (self.neutral(shape),)
        name = self.parameter.format(student=student, index=index)
        return Choice(name, options, self.smallest(options))

    def values(self, configuration: Any) -> list[Any]:
        """Return the configuration's value in a list of one, or one value for each kept layer."""
        holders = configuration.layers if self.per_layer else (configuration,)
        return [self.value_of(holder) for holder in holders]

    def value_of(self, holder: Any) -> Any:
        """Return the value of a configuration or of one of its layers."""
        names = {field.name for field in fields(holder)}
        return getattr(holder, self.name) if self.name in names else dict(holder.extra).get(self.name, self.omitted)

    def numbers(self, configuration: Any, shape: EncoderShape, confidences: ExitScores | None) -> list[float]:
        """Return the feature's numbers for the configuration's value, or their means over the kept layers."""
        found = [self.feature.numbers(value, shape) for value in self.values(configuration)]
        return [float(number) for number in np.mean(found, axis=0)]

    def is_near_teacher(self, configuration: Any, shape: EncoderShape) -> bool:
        """Return whether ``near_teacher`` holds for every value of the configuration."""
        neutral, near = self.neutral(shape), self.near_teacher
        return all(value == neutral if near is None else near(value, shape) for value in self.values(configuration))

    def keeps_teacher_layers(self, configuration: Any, shape: EncoderShape) -> bool:
        """Return whether ``keeps_layers`` holds for every value of the configuration."""
        neutral, whole = self.neutral(shape), self.keeps_layers
        return all(value == neutral if whole is None else whole(value, shape) for value in self.values(configuration))


def labels_of(dimensions: Sequence[Dimension], configuration: Any) -> list[tuple[int, str]]:
    """Return the labels of a configuration as (place, text), without empty ones."""
    values: dict[Label, list[Any]] = {}
    for dimension in dimensions:
        values.setdefault(dimension.label, []).extend(dimension.values(configuration))
    summaries = [(label, label.summary(found)) for label, found in values.items()]
    return [(label.place, f"{label.letters}{text}") for label, text in summaries if text]


def feature_numbers(
    dimensions: Sequence[Dimension], configuration: Any, shape: EncoderShape, confidences: ExitScores | None
) -> list[float]:
    """Return a configuration's features: the numbers of each dimension, then the worst number of each group."""
    found: list[float] = []
    groups: dict[str, tuple[Feature, list[float]]] = {}
    for dimension in dimensions:
        found += dimension.numbers(configuration, shape, confidences)
        if dimension.per_layer and dimension.feature.group:
            _, known = groups.setdefault(dimension.feature.group, (dimension.feature, []))
            known += [x for value in dimension.values(configuration) for x in dimension.feature.numbers(value, shape)]
    return [*found, *(float(feature.worst(known)) for feature, known in groups.values())]
