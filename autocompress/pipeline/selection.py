"""Choose the trials that are worth more time: those to refine, and the finalists to verify.

Only validation figures are read: test data steers nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autocompress.study.results import TrialResult
from autocompress.system.errors import InputError
from autocompress.trials.acquisition import box_points, greedy
from autocompress.trials.pareto import non_dominated
from objectives import feasible
from objectives.constraint import Constraint
from objectives.latency import LATENCY
from objectives.objective import Objective

Array = NDArray[np.float64]
HOPE, MOST_HOPE, NEAR_HOPE = 0.5, 0.8, 0.1
"""Share of the distance to the teacher's quality that a training of its own is hoped to close: for the fastest model
cut from a super-network, for the slowest, and for one cut from the teacher itself, where reconstruction has left little
to gain."""
MARGIN = 0.1
"""How far beyond the worst point hypervolume is counted, relative to the range of the points."""
FAST_SHARE = 0.25
"""Share of the finalists that are chosen for their speed, whatever quality above ``WORTH`` that costs."""
WORTH = 0.5
"""Share of what the teacher's quality is above guessing that a result must keep to be of use to anybody."""
POINTS = 4096


@dataclass(frozen=True)
class Criteria:
    """What results are judged by: objectives of which one is a quality, constraints, and two qualities to compare with.

    ``teacher_quality`` and ``guessing_quality`` (of the best answer that does not read the text) are values of the
    quality objective on validation data. Raises InputError unless exactly one objective is a quality.
    """

    objectives: Sequence[Objective]
    constraints: Sequence[Constraint]
    teacher_quality: float
    guessing_quality: float = 0.0

    def __post_init__(self) -> None:
        count = sum(objective.is_quality for objective in self.objectives)
        if count != 1:
            raise InputError(f"exactly one objective must be a quality, but got {count}; add or remove one")

    @property
    def quality_column(self) -> int:
        """Place of the quality among the objectives."""
        return [objective.is_quality for objective in self.objectives].index(True)

    def quality(self, result: TrialResult) -> float:
        """Return the quality of a result, higher is better; minus infinity if it was not measured."""
        return self.objectives[self.quality_column].value(result.figures) if result.figures else -np.inf


def to_refine(
    results: Sequence[TrialResult],
    criteria: Criteria,
    count: int,
    reach: float,
    beside: Sequence[TrialResult] = (),
    hope_of: Callable[[TrialResult], float] = lambda result: HOPE,
) -> list[TrialResult]:
    """Choose at most ``count`` results that would add most to the front if a training of their own did what is hoped.

    Hoped is that it closes the share ``hope_of(result)`` of the distance to the teacher's quality. A candidate meets
    every constraint that training cannot change. Its quality is at most ``reach`` below the teacher's, or below that
    of the best candidate where all are farther from the teacher; where no constraint bounds the quality, results that
    are faster than all of these and keep ``WORTH`` of the distance to guessing are candidates too. Hypervolume is added
    as in ``finalists``: to what was measured, ``beside`` included, and to what is hoped of the results chosen before.
    """
    fixed = [constraint for constraint in criteria.constraints if not constraint.objective.is_quality]
    allowed = [result for result in results if _meets(result, fixed)]
    best = max(map(criteria.quality, allowed), default=0.0)
    floor = min(criteria.teacher_quality, best) - reach
    near = [result for result in allowed if criteria.quality(result) >= floor]
    if not near:
        return []
    if len(fixed) == len(criteria.constraints):
        near += _faster([result for result in allowed if criteria.quality(result) < floor], near, criteria)
    measured = _scaled(_costs([*near, *beside], criteria.objectives), criteria.objectives)
    hoped, column = measured[: len(near)].copy(), criteria.quality_column
    missing = np.maximum(criteria.teacher_quality - np.array(list(map(criteria.quality, near))), 0.0)
    hoped[:, column] -= np.array(list(map(hope_of, near))) * missing
    return [near[row] for row in _adding_most(hoped, measured, [], count, column)]


def hope_by_latency(results: Sequence[TrialResult]) -> Callable[[TrialResult], float]:
    """Return what is hoped of models cut from a super-network, from the range of the latencies of ``results``.

    The slower a model is, the more rarely a super-network trains it, and the more it has to gain: the hope rises from
    ``HOPE`` to ``MOST_HOPE`` with the logarithm of the latency.
    """
    latencies = [LATENCY.value(result.figures) for result in results if result.figures] or [1.0]
    low, high = (np.log(bound) for bound in (min(latencies), max(latencies)))

    def hope(result: TrialResult) -> float:
        if result.figures is None or high == low:
            return HOPE
        share = (np.log(LATENCY.value(result.figures)) - low) / (high - low)
        return float(HOPE + (MOST_HOPE - HOPE) * np.clip(share, 0.0, 1.0))

    return hope


def finalists(
    results: Sequence[TrialResult], criteria: Criteria, count: int, floor: float = -np.inf
) -> list[TrialResult]:
    """Choose at most ``count`` non-dominated results that cover the front best; all meet the constraints if any does.

    Most have a quality of at least ``floor`` if any does. Of the others only those are chosen that are faster than all
    of these and keep ``WORTH`` of the distance to guessing: somebody may want them, so ``FAST_SHARE`` of the
    finalists is theirs.
    """
    measured = [result for result in results if result.figures is not None]
    pool = [result for result in measured if _meets(result, criteria.constraints)] or measured
    good = [result for result in pool if criteria.quality(result) >= floor] or pool
    fast = _faster([result for result in pool if criteria.quality(result) < floor], good, criteria)
    chosen_fast = _covering(fast, criteria, max(1, int(FAST_SHARE * count))) if count > 1 else []
    return _covering(good, criteria, count - len(chosen_fast)) + chosen_fast


def _meets(result: TrialResult, constraints: Sequence[Constraint]) -> bool:
    return result.figures is not None and feasible(constraints, result.figures)


def _faster(results: Sequence[TrialResult], others: Sequence[TrialResult], criteria: Criteria) -> list[TrialResult]:
    """Return the results that are faster than all ``others`` and keep ``WORTH`` of the distance to guessing."""
    fastest = min((LATENCY.value(other.figures) for other in others if other.figures), default=0.0)
    least = criteria.guessing_quality + WORTH * (criteria.teacher_quality - criteria.guessing_quality)
    better = [result for result in results if criteria.quality(result) > least]
    return [result for result in better if result.figures and LATENCY.value(result.figures) < fastest]


def _covering(pool: Sequence[TrialResult], criteria: Criteria, count: int) -> list[TrialResult]:
    """Choose at most ``count`` non-dominated results of ``pool``, the best in each objective first.

    After these the quality is paired with each other objective in turn, and the result comes that adds most to the
    hypervolume in that pair (of costs, the logarithm): in all objectives at once the many ways to be tiny would crowd
    out what is fast and good.
    """
    if not pool or count < 1:
        return []
    costs = _costs(pool, criteria.objectives)
    mask = non_dominated(costs, ("minimize",) * costs.shape[1])
    front, costs = [pool[int(row)] for row in np.flatnonzero(mask)], costs[mask]
    best = list(dict.fromkeys(int(row) for row in costs.argmin(axis=0)))[:count]
    scaled = _scaled(costs, criteria.objectives)
    return [front[row] for row in _adding_most(scaled, scaled[:0], best, count, criteria.quality_column)]


def _costs(results: Sequence[TrialResult], objectives: Sequence[Objective]) -> Array:
    """Return the measured results' values [n, m] as costs, of which less is better: those to maximize are negated."""
    values = np.array([[objective.value(r.figures) for objective in objectives] for r in results if r.figures])
    return values * [-1.0 if objective.direction == "maximize" else 1.0 for objective in objectives]


def _scaled(costs: Array, objectives: Sequence[Objective]) -> Array:
    """Return costs [n, m] with the logarithms of what is minimised; values that differ a little may become equal."""
    columns = zip(costs.T, objectives, strict=True)
    return np.stack([column if each.direction == "maximize" else np.log(column) for column, each in columns], axis=1)


def _adding_most(costs: Array, others: Array, chosen: list[int], count: int, quality: int) -> list[int]:
    """Return ``chosen`` and the rows of costs [n, m] that add most to the hypervolume of others [k, m] and each other.

    At most ``count`` in all: one for each pair of the column ``quality`` with another in turn, while any adds.
    """
    chosen, pairs = list(chosen), [(quality, other) for other in range(costs.shape[1]) if other != quality]
    while len(chosen) < count and pairs:
        for pair in list(pairs):
            known = np.concatenate([others, costs[chosen]])[:, pair]
            found = _best_addition(costs[:, pair], known) if len(chosen) < count else []
            chosen += found
            if not found:
                pairs.remove(pair)
    return chosen


def _best_addition(costs: Array, known: Array) -> list[int]:
    """Return the row of costs [n, 2] that adds most to the hypervolume of ``known`` [k, 2], in a list; else none."""
    low, high = costs.min(axis=0), costs.max(axis=0)
    points = box_points(low, high + MARGIN * (high - low) + 1e-9, 0, POINTS)
    return greedy(costs, known, points, 1)
