"""Define the constraints that a problem can set: each bounds one objective from above or below."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR

from autocompress.domain.figures import Figures
from autocompress.domain.problem import Problem, Target
from autocompress.system.errors import InputError
from objectives.objective import Objective

FAILED = "failed"
"""The name under which a study stores whether a trial failed, beside its constraints."""
_ROUNDING = 1e-9
_SMALLEST_SCALE = 1e-2


@dataclass(frozen=True)
class Side:
    """The side on which values must stay of a bound: ``AT_MOST`` or ``AT_LEAST``.

    ``violation`` takes (value, bound) and is at most 0 where the bound is kept; ``rounding`` is the mode of
    ``decimal`` that rounds a bound so that the value itself keeps it; ``tightest`` picks the strictest of some bounds.
    """

    words: str
    violation: Callable[[float, float], float]
    rounding: str
    tightest: Callable[[Iterable[float]], float]


def _above(value: float, bound: float) -> float:
    return value / bound - 1


def _below(value: float, bound: float) -> float:
    """A value that equals the bound but for rounding keeps it: 0.907 - 0.01 is a little more than 0.897 in binary."""
    return (bound - _ROUNDING - value) / max(abs(bound), _SMALLEST_SCALE)


AT_MOST = Side("at most", _above, ROUND_CEILING, min)
AT_LEAST = Side("at least", _below, ROUND_FLOOR, max)


def _as_asked(asked: float, _teacher_quality: float | None) -> float | None:
    return asked


@dataclass(frozen=True)
class ConstraintType:
    """Describes one field of ``Constraints``: what it bounds and how people see it.

    ``name`` is what a study stores its violations under, ``option`` the option of the command line that sets it.
    ``label`` names the bounded value in messages; ``{option}`` in it stands for the option, ``{asked}`` for the field's
    value and ``{statistic}`` for the target's latency statistic. ``bound`` takes the field's value and the teacher's
    validation quality (None before it is known) and gives the bound in the objective's unit, or None while that cannot
    be known. ``read`` gives the bounded value where it is not just the objective's. Raises InputError for a name that
    marks failed trials.
    """

    name: str
    field: str
    option: str
    label: str
    objective: Objective
    side: Side
    bound: Callable[[float, float | None], float | None] = _as_asked
    read: Callable[[Figures, Target], float] | None = None

    def __post_init__(self) -> None:
        if self.name == FAILED:
            raise InputError(f"a constraint must not be named {FAILED!r}, which marks failed trials; rename it")

    def constraint(self, problem: Problem, teacher_quality: float | None = None) -> Constraint | None:
        """Return the constraint that ``problem`` sets; None where it sets none, or none that is known yet."""
        asked = getattr(problem.constraints, self.field)
        bound = None if asked is None else self.bound(asked, teacher_quality)
        if bound is None:
            return None
        target = problem.target
        label = self.label.format(option=self.option, asked=asked, statistic=target.latency_statistic)
        return Constraint(self, float(bound), label, target)


@dataclass(frozen=True)
class Constraint:
    """A bound that a problem sets, in the unit of the objective that it bounds.

    ``label`` says what is bounded and by which option, such as ``p95 latency (--max-latency)``.
    """

    type: ConstraintType
    bound: float
    label: str
    target: Target

    @property
    def name(self) -> str:
        """The name under which a study stores the violations."""
        return self.type.name

    @property
    def objective(self) -> Objective:
        """The objective that is bounded."""
        return self.type.objective

    def value(self, figures: Figures) -> float:
        """Return the value of ``figures`` that is bounded, in the objective's unit."""
        read = self.type.read
        return self.objective.value(figures) if read is None else read(figures, self.target)

    def violation(self, figures: Figures) -> float:
        """Return how far ``figures`` are beyond the bound, relative to it (0.1 is 10%); at most 0 where it is kept."""
        return self.type.side.violation(self.value(figures), self.bound)

    def show(self, value: float) -> str:
        """Write a value in the unit of the bound, rounded for reading."""
        return self.objective.unit.show(value)

    def admitting(self, value: float) -> str:
        """Write a bound, as its option is written, that a model with ``value`` keeps."""
        return self.objective.unit.rounded(value, self.type.side.rounding)
