"""The task's metric on validation data, from the compiled file at the served batch size."""

from dataclasses import dataclass

from autocompress.domain.figures import Figures
from objectives.objective import Constraint, Objective

_ROUNDING = 1e-9
_SMALLEST_SCALE = 1e-2


def validation_quality(figures: Figures) -> float:
    """A fraction, higher is better: the expected one, where it is known."""
    return figures.validation.estimate


@dataclass(frozen=True)
class BelowQuality:
    """How far the validation quality is below ``floor``, relative to it; at most 0 where it is kept.

    A quality that equals the floor but for rounding keeps it: 0.907 - 0.01 is a little more than 0.897 in binary.
    """

    floor: float

    def __call__(self, figures: Figures) -> float:
        """The relative violation."""
        below = self.floor - _ROUNDING - validation_quality(figures)
        return below / max(abs(self.floor), _SMALLEST_SCALE)


def min_quality(floor: float) -> Constraint:
    """At least ``floor``, a fraction."""
    return Constraint("min_quality", floor, BelowQuality(floor))


def max_drop(points: float, teacher_quality: float) -> Constraint:
    """At most ``points`` (1.0 is 0.01) below the teacher's validation quality; the bound is the quality left."""
    floor = teacher_quality - points / 100
    return Constraint("max_drop", floor, BelowQuality(floor))


QUALITY = Objective("quality", "maximize", "fraction", validation_quality)
"""Higher is better."""
