"""Which trials are worth more time: those to refine, and the finalists to verify. Validation figures only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from autocompress.exploration.acquisition import box_points, greedy
from autocompress.exploration.objective import Constraint, Objective
from autocompress.exploration.pareto import non_dominated
from autocompress.figures import TrialResult

HOPE = 0.5
MARGIN = 0.1
POINTS = 4096


def to_refine(
    results: Sequence[TrialResult],
    objectives: Sequence[Objective],
    teacher_quality: float,
    constraints: Sequence[Constraint],
    count: int,
    reach: float,
    beside: Sequence[TrialResult] = (),
) -> list[TrialResult]:
    """At most ``count`` results that would add most to the front if a training of their own did what is hoped of it.

    Hoped is that it closes ``HOPE`` of the distance to the teacher's quality. Candidates meet every constraint that
    training cannot change and are at most ``reach`` of quality below the teacher (or below the best of them where all
    are farther from it). What each adds is counted as in ``finalists``, over what was measured, ``beside`` included,
    and over what is hoped of those chosen before it.
    """
    fixed = [constraint for constraint in constraints if constraint.name not in ("max_drop", "min_quality")]
    allowed = [r for r in results if r.figures and all(constraint.violation(r.figures) <= 0 for constraint in fixed)]
    floor = min(teacher_quality, max((_quality(r) for r in allowed), default=0.0)) - reach
    near = [r for r in allowed if _quality(r) >= floor]
    if not near:
        return []
    measured = _scaled(_costs([*near, *(r for r in beside if r.figures)], objectives), objectives)
    hoped = measured[: len(near)].copy()
    hoped[:, 0] -= HOPE * np.maximum(teacher_quality - np.array([_quality(r) for r in near]), 0.0)
    return [near[i] for i in _adding_most(hoped, measured, [], count)]


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
    costs = _costs(pool, objectives)
    mask = non_dominated(costs, ("minimize",) * len(objectives))
    front, costs = [pool[int(i)] for i in np.flatnonzero(mask)], costs[mask]
    best = sorted({int(i) for i in costs.argmin(axis=0)})
    scaled = _scaled(costs, objectives)
    return [front[i] for i in _adding_most(scaled, scaled[:0], best, count)]


def _costs(results: Sequence[TrialResult], objectives: Sequence[Objective]) -> NDArray[np.float64]:
    """What the results [n] cost in each objective [n, m], the less the better: a quality counts as its negative."""
    values = np.array([[objective.value(r.figures) for objective in objectives] for r in results if r.figures])
    return values * [-1.0 if objective.direction == "maximize" else 1.0 for objective in objectives]


def _scaled(costs: NDArray[np.float64], objectives: Sequence[Objective]) -> NDArray[np.float64]:
    """Costs [n, m] with the logarithms of what is minimised, which may make two values one that differ a little."""
    columns = zip(costs.T, objectives, strict=True)
    return np.stack([column if each.direction == "maximize" else np.log(column) for column, each in columns], axis=1)


def _adding_most(costs: NDArray[np.float64], others: NDArray[np.float64], chosen: list[int], count: int) -> list[int]:
    """``chosen`` and those rows of costs [n, m] that add most to the hypervolume of others [k, m] and of each other.

    At most ``count`` in all, one for each pair of the first objective with another in turn, while any adds.
    """
    chosen, pairs = list(chosen), [(0, other) for other in range(1, costs.shape[1])]
    while len(chosen) < count and pairs:
        for pair in list(pairs):
            standing = np.concatenate([others, costs[chosen]])[:, pair]
            found = _best_addition(costs[:, pair], standing) if len(chosen) < count else []
            chosen += found
            if not found:
                pairs.remove(pair)
    return chosen


def _best_addition(costs: NDArray[np.float64], standing: NDArray[np.float64]) -> list[int]:
    """The row of costs [n, 2] that adds most to the hypervolume of ``standing`` [k, 2], in a list; else none."""
    low, high = costs.min(axis=0), costs.max(axis=0)
    points = box_points(low, high + MARGIN * (high - low) + 1e-9, 0, POINTS)
    return greedy(costs, standing, points, 1)


def _quality(result: TrialResult) -> float:
    return result.figures.validation.estimate if result.figures else -np.inf
