"""Which trials are worth more time: those to refine, and the finalists to verify. Validation figures only."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from autocompress.configuration import STUDENTS
from autocompress.exploration.acquisition import box_points, greedy
from autocompress.exploration.objective import Constraint, Objective
from autocompress.exploration.pareto import non_dominated
from autocompress.figures import TrialResult

LIFT = 0.02
FASTER, SMALLER = 1.25, 2.0
MARGIN = 0.1
POINTS = 4096


def to_refine(
    results: Sequence[TrialResult],
    teacher_quality: float,
    constraints: Sequence[Constraint],
    count: int,
    reach: float,
    beside: Sequence[TrialResult] = (),
) -> list[TrialResult]:
    """At most ``count`` results that a training of their own may bring to the front.

    Candidates meet every constraint that training cannot change, are at most ``reach`` of quality below the teacher
    (or below the best of them where all are farther from it), and would not be dominated, by them or by ``beside``,
    if training lifted them by ``LIFT``. The student types take turns, each with its best first: how much a training
    lifts a student follows from its size, so what is small and far from the teacher stays so. Within a type the
    chosen differ in latency by ``FASTER`` or in size by ``SMALLER``, for near twins would learn the same.
    """
    fixed = [constraint for constraint in constraints if constraint.name not in ("max_drop", "min_quality")]
    allowed = [r for r in results if r.figures and all(constraint.violation(r.figures) <= 0 for constraint in fixed)]
    floor = min(teacher_quality, max((_quality(r) for r in allowed), default=0.0)) - reach
    hopeful = [r for r in allowed if _quality(r) >= floor and _may_rise(r, [*allowed, *beside])]
    queues = [_unlike([r for r in hopeful if r.configuration.student == student]) for student in STUDENTS]
    turns = [result for turn in zip_longest(*queues) for result in turn if result is not None]
    return turns[:count]


def finalists(
    results: Sequence[TrialResult],
    objectives: Sequence[Objective],
    constraints: Sequence[Constraint],
    count: int,
    floor: float = 0.0,
) -> list[TrialResult]:
    """At most ``count`` non-dominated results, those that meet all constraints first, that cover the front best.

    Results of a validation quality below ``floor`` are nobody's choice and left out where there are better ones. Of
    what remains the best in each objective is always among the finalists. Then the first objective is paired with each
    other in turn, and the result comes that adds most to the finalists' hypervolume in that pair (of what is to be
    minimised, the logarithm): in all objectives at once the many ways to be tiny would crowd out what is fast and good.
    """
    every = [result for result in results if result.figures is not None]
    measured = [r for r in every if r.figures and r.figures.validation.estimate >= floor] or every
    if not measured:
        return []
    feasible = [r for r in measured if r.figures and all(c.violation(r.figures) <= 0 for c in constraints)]
    pool = feasible or measured
    values = np.array([[objective.value(r.figures) for objective in objectives] for r in pool if r.figures])
    directions = tuple(objective.direction for objective in objectives)
    mask = non_dominated(values, directions)
    front, values = [pool[int(i)] for i in np.flatnonzero(mask)], values[mask]
    columns = zip(values.T, directions, strict=True)
    costs = np.stack([-column if way == "maximize" else np.log(column) for column, way in columns], axis=1)
    chosen = sorted({int(i) for i in costs.argmin(axis=0)})
    pairs = [(0, other) for other in range(1, costs.shape[1])]
    while len(chosen) < count and pairs:
        for pair in list(pairs):
            found = _best_addition(costs[:, pair], chosen) if len(chosen) < count else []
            chosen += found
            if not found:
                pairs.remove(pair)
    return [front[i] for i in chosen]


def _best_addition(costs: NDArray[np.float64], chosen: list[int]) -> list[int]:
    """The row of costs [n, 2] that adds most to the hypervolume of the ``chosen``, in a list; none where none adds."""
    low, high = costs.min(axis=0), costs.max(axis=0)
    points = box_points(low, high + MARGIN * (high - low) + 1e-9, 0, POINTS)
    return greedy(costs, costs[chosen], points, 1)


def _quality(result: TrialResult) -> float:
    return result.figures.validation.estimate if result.figures else -np.inf


def _mean_ms(result: TrialResult) -> float:
    return result.figures.latency_ms.mean if result.figures else np.inf


def _size(result: TrialResult) -> float:
    return result.figures.size_bytes if result.figures else np.inf


def _may_rise(result: TrialResult, others: Sequence[TrialResult]) -> bool:
    """Whether nothing as fast and as small is better by ``LIFT``."""
    lifted = _quality(result) + LIFT
    return not any(
        _mean_ms(other) <= _mean_ms(result) and _size(other) <= _size(result) and _quality(other) >= lifted
        for other in others
    )


def _unlike(results: list[TrialResult]) -> list[TrialResult]:
    """The results by falling quality, without those whose latency and size are near those of a better one."""
    kept: list[TrialResult] = []
    for result in sorted(results, key=lambda r: (-_quality(r), _mean_ms(r))):
        if not any(_near(result, other) for other in kept):
            kept.append(result)
    return kept


def _near(one: TrialResult, other: TrialResult) -> bool:
    times, sizes = _mean_ms(one) / _mean_ms(other), _size(one) / _size(other)
    return max(times, 1 / times) <= FASTER and max(sizes, 1 / sizes) <= SMALLER
