"""Which trials are worth more time: those to refine, and the finalists to verify. Validation figures only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from autocompress.study.results import TrialResult
from autocompress.trials.acquisition import box_points, greedy
from autocompress.trials.pareto import non_dominated
from objectives.objective import Constraint, Objective

HOPE = 0.5
MARGIN = 0.1
FAST_SHARE = 0.25
QUALITY_CONSTRAINTS = ("max_drop", "min_quality")
POINTS = 4096


def to_refine(
    results: Sequence[TrialResult],
    objectives: Sequence[Objective],
    teacher_quality: float,
    constraints: Sequence[Constraint],
    count: int,
    reach: float,
    beside: Sequence[TrialResult] = (),
    least: float = 0.0,
) -> list[TrialResult]:
    """At most ``count`` results that would add most to the front if a training of their own did what is hoped of it.

    Hoped is that it closes ``HOPE`` of the distance to the teacher's quality. Candidates meet every constraint that
    training cannot change and are at most ``reach`` of quality below the teacher (or below the best of them where all
    are farther from it), or, where no quality is asked for, faster than all of these and better than ``least``, what
    guessing has. What each adds is counted as in
    ``finalists``, over what was measured, ``beside`` included, and over what is hoped of those chosen before it.
    """
    fixed = [constraint for constraint in constraints if constraint.name not in QUALITY_CONSTRAINTS]
    allowed = [r for r in results if r.figures and all(constraint.violation(r.figures) <= 0 for constraint in fixed)]
    floor = min(teacher_quality, max((_quality(r) for r in allowed), default=0.0)) - reach
    near = [r for r in allowed if _quality(r) >= floor]
    if not near:
        return []
    if len(fixed) == len(constraints):
        near += _faster([r for r in allowed if _quality(r) < floor], near, least)
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
    least: float = 0.0,
) -> list[TrialResult]:
    """At most ``count`` non-dominated results that cover the front best; all meet the constraints if any does.

    Most have a validation quality of at least ``floor`` where there are such. What is faster than all of these has a
    part of its own, ``FAST_SHARE`` of the finalists, whatever quality that costs: somebody may want it. It must be
    better than ``least``, what guessing has. Results below ``floor`` that are not faster are nobody's choice.
    """
    every = [result for result in results if result.figures is not None]
    pool = [r for r in every if _meets(r, constraints)] or every
    good = [r for r in pool if _quality(r) >= floor] or pool
    fast = _faster([r for r in pool if _quality(r) < floor], good, least)
    chosen_fast = _covering(fast, objectives, max(1, int(FAST_SHARE * count))) if count > 1 else []
    return _covering(good, objectives, count - len(chosen_fast)) + chosen_fast


def _meets(result: TrialResult, constraints: Sequence[Constraint]) -> bool:
    return result.figures is not None and all(c.violation(result.figures) <= 0 for c in constraints)


def _faster(results: Sequence[TrialResult], others: Sequence[TrialResult], least: float) -> list[TrialResult]:
    """Those results that are faster than all ``others``, of which there is one, and of a quality above ``least``."""
    fastest = min((r.figures.latency_ms.mean for r in others if r.figures), default=0.0)
    return [r for r in results if r.figures and r.figures.latency_ms.mean < fastest and _quality(r) > least]


def _covering(pool: Sequence[TrialResult], objectives: Sequence[Objective], count: int) -> list[TrialResult]:
    """At most ``count`` non-dominated results of ``pool``, the best in each objective always among them.

    After these the first objective is paired with each other in turn, and the result comes that adds most to the
    hypervolume in that pair (of what is to be minimised, the logarithm): in all objectives at once the many ways to be
    tiny would crowd out what is fast and good.
    """
    if not pool or count < 1:
        return []
    costs = _costs(pool, objectives)
    mask = non_dominated(costs, ("minimize",) * len(objectives))
    front, costs = [pool[int(i)] for i in np.flatnonzero(mask)], costs[mask]
    best = list(dict.fromkeys(int(i) for i in costs.argmin(axis=0)))[:count]
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
