"""Which trials are worth more time: those to refine, and the finalists to verify. Validation figures only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from autocompress.configuration import STUDENTS
from autocompress.exploration.acquisition import box_points, greedy
from autocompress.exploration.objective import Constraint, Objective
from autocompress.exploration.pareto import non_dominated
from autocompress.figures import TrialResult

CLOSED = 0.5
WITHIN = 0.02
MARGIN = 0.5
POINTS = 20_000


def to_refine(
    results: Sequence[TrialResult],
    teacher_quality: float,
    constraints: Sequence[Constraint],
    count: int,
    reach: float,
    beside: Sequence[TrialResult] = (),
) -> list[TrialResult]:
    """At most ``count`` results that a training of their own may bring to the front.

    Candidates meet every constraint that training cannot change and are at most ``reach`` of quality below the teacher
    (or below the best of them where all are farther from it). A training is expected to close ``CLOSED`` of the gap to
    the teacher; the chosen are those that would then add most to the hypervolume (quality, and logarithms of latency
    and size) above ``WITHIN`` below the teacher, each beside those before it and what there is already, ``beside``
    included. Every student type has its best first.
    """
    fixed = [constraint for constraint in constraints if constraint.name not in ("max_drop", "min_quality")]
    allowed = [r for r in results if r.figures and all(constraint.violation(r.figures) <= 0 for constraint in fixed)]
    best = min(teacher_quality, max((_quality(r) for r in allowed), default=0.0))
    candidates = [r for r in allowed if _quality(r) >= best - reach]
    if not candidates:
        return []
    gaps = np.array([max(teacher_quality - _quality(r), 0.0) for r in candidates])
    front, lifted = _costs([*candidates, *beside]), _costs(candidates)
    lifted[:, 0] -= CLOSED * gaps
    high = lifted.max(axis=0) + MARGIN
    high[0] = WITHIN - best
    points = box_points(lifted.min(axis=0) - 1e-9, high, 0, POINTS)
    chosen: list[int] = []
    for student in STUDENTS:
        rows = [i for i, r in enumerate(candidates) if r.configuration.student == student]
        found = greedy(lifted[rows], np.concatenate([front, lifted[chosen]]), points, 1)
        chosen += [rows[i] for i in found]
    chosen += greedy(lifted, np.concatenate([front, lifted[chosen]]), points, max(count - len(chosen), 0))
    return [candidates[i] for i in chosen[:count]]


def finalists(
    results: Sequence[TrialResult],
    objectives: Sequence[Objective],
    constraints: Sequence[Constraint],
    count: int,
    floor: float = 0.0,
) -> list[TrialResult]:
    """At most ``count`` non-dominated results, those that meet all constraints first, that cover the front best.

    Results of a validation quality below ``floor`` are nobody's choice and left out where there are better ones. Of
    what remains the best in each objective is always among the finalists; then those come that add most to their
    hypervolume (of what is to be minimised, the logarithm).
    """
    every = [result for result in results if result.figures is not None]
    measured = [r for r in every if r.figures and r.figures.validation.value >= floor] or every
    if not measured:
        return []
    feasible = [r for r in measured if r.figures and all(c.violation(r.figures) <= 0 for c in constraints)]
    pool = feasible or measured
    values = np.array([[objective.value(r.figures) for objective in objectives] for r in pool if r.figures])
    directions = tuple(objective.direction for objective in objectives)
    mask = non_dominated(values, directions)
    front, values = [pool[int(i)] for i in np.flatnonzero(mask)], values[mask]
    costs = np.stack(
        [
            -column if direction == "maximize" else np.log(column)
            for column, direction in zip(values.T, directions, strict=True)
        ],
        axis=1,
    )
    best = sorted({int(i) for i in costs.argmin(axis=0)})
    points = box_points(costs.min(axis=0), costs.max(axis=0) + 1e-9, 0, POINTS)
    return [front[i] for i in [*best, *greedy(costs, costs[best], points, count - len(best))]]


def _quality(result: TrialResult) -> float:
    return result.figures.validation.value if result.figures else -np.inf


def _costs(results: Sequence[TrialResult]) -> NDArray[np.float64]:
    """Less quality, and the logarithms of latency and size, [n, 3]."""
    figures = [result.figures for result in results if result.figures]
    rows = [[-f.validation.value, np.log(f.latency_ms.mean), np.log(f.size_bytes)] for f in figures]
    return np.array(rows)
