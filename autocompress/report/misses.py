"""Explain why nothing meets the constraints: which points come nearest, what binds, and what relaxing it would buy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autocompress.domain.figures import Figures
from autocompress.domain.problem import Problem
from objectives import constraints_for, feasible
from objectives.constraint import Constraint

Candidate = tuple[Figures, int]
"""Measured figures and the number of their trial."""


@dataclass(frozen=True)
class Violation:
    """A constraint that a point breaks, and the value it has."""

    constraint: Constraint
    value: float


@dataclass(frozen=True)
class Miss:
    """A point that breaks at least one constraint; ``distance`` is the sum of its relative violations."""

    trial: int
    figures: Figures
    violations: tuple[Violation, ...]
    distance: float


@dataclass(frozen=True)
class Relaxation:
    """What moving the bound of one constraint alone would buy.

    ``needed`` is the value at which ``nearest``, the first point in reach, is feasible; ``best`` is the point of the
    highest quality with this constraint dropped. All three are None where the other constraints are too tight by
    themselves. ``alone`` is the best point that keeps this constraint, whatever the others say; None if there is none.
    """

    constraint: Constraint
    needed: float | None
    nearest: Candidate | None
    best: Candidate | None
    alone: Candidate | None

    @property
    def binds(self) -> bool:
        """Whether the nearest point breaks the constraint; False where there is no such point."""
        return self.nearest is not None and self.constraint.violation(self.nearest[0]) > 0


@dataclass(frozen=True)
class Misses:
    """Nearest points first, and one relaxation per constraint in the order of the constraints."""

    nearest: tuple[Miss, ...]
    relaxations: tuple[Relaxation, ...]


def nearest_misses(
    candidates: Sequence[Candidate], problem: Problem, teacher_quality: float | None, count: int = 5
) -> Misses:
    """Return the ``count`` points that break the constraints least, and what relaxing each constraint would buy.

    ``teacher_quality`` is the teacher's validation quality, from which ``max_drop`` counts; while it is None, that
    constraint is left out.
    """
    constraints = constraints_for(problem, teacher_quality)
    misses = [_miss(candidate, constraints) for candidate in candidates]
    misses = [miss for miss in misses if miss.violations]
    misses.sort(key=lambda miss: (miss.distance, -miss.figures.validation.estimate, miss.trial))
    relaxations = tuple(_relax(constraint, constraints, candidates) for constraint in constraints)
    return Misses(tuple(misses[:count]), relaxations)


def _miss(candidate: Candidate, constraints: Sequence[Constraint]) -> Miss:
    figures, trial = candidate
    broken = [constraint for constraint in constraints if constraint.violation(figures) > 0]
    violations = tuple(Violation(constraint, constraint.value(figures)) for constraint in broken)
    return Miss(trial, figures, violations, sum(constraint.violation(figures) for constraint in broken))


def _relax(constraint: Constraint, constraints: Sequence[Constraint], candidates: Sequence[Candidate]) -> Relaxation:
    others = [each for each in constraints if each is not constraint]
    alone = max((c for c in candidates if feasible([constraint], c[0])), key=_goodness, default=None)
    reachable = [c for c in candidates if feasible(others, c[0])]
    if not reachable:
        return Relaxation(constraint, None, None, None, alone)
    nearest = min(reachable, key=lambda c: (max(constraint.violation(c[0]), 0.0), -c[0].validation.estimate))
    return Relaxation(constraint, constraint.value(nearest[0]), nearest, max(reachable, key=_goodness), alone)


def _goodness(candidate: Candidate) -> tuple[float, float]:
    return candidate[0].validation.estimate, -candidate[0].latency_ms.mean
