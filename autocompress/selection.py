"""Which trials are worth more time: those to refine, and the finalists to verify. Validation figures only."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import numpy as np

from autocompress.configuration import STUDENTS
from autocompress.exploration.objective import Constraint, Objective
from autocompress.exploration.pareto import non_dominated
from autocompress.figures import TrialResult

LIFT = 0.02
TWINS = 1.25


def to_refine(
    results: Sequence[TrialResult], teacher_quality: float, constraints: Sequence[Constraint], count: int, reach: float
) -> list[TrialResult]:
    """At most ``count`` results that a training of their own may bring to the front.

    Candidates meet every constraint that training cannot change, are at most ``reach`` of quality below the teacher (or
    below the best of them where all are farther from it), and would not be dominated by a faster result if training
    lifted them by ``LIFT``. The student types take turns, each with its best first; within a type the chosen differ in
    latency, for near twins would learn the same.
    """
    fixed = [constraint for constraint in constraints if constraint.name not in ("max_drop", "min_quality")]
    allowed = [r for r in results if r.figures and all(constraint.violation(r.figures) <= 0 for constraint in fixed)]
    floor = min(teacher_quality, max((_quality(r) for r in allowed), default=0.0)) - reach
    candidates = [r for r in _hopeful(allowed) if _quality(r) >= floor]
    queues = [_unlike([r for r in candidates if r.configuration.student == student]) for student in STUDENTS]
    turns = [result for turn in zip_longest(*queues) for result in turn if result is not None]
    return turns[:count]


def finalists(
    results: Sequence[TrialResult],
    objectives: Sequence[Objective],
    constraints: Sequence[Constraint],
    count: int,
    floor: float = 0.0,
) -> list[TrialResult]:
    """At most ``count`` non-dominated results, those that meet all constraints first, spread over latency.

    Results of a validation quality below ``floor`` are nobody's choice and left out where there are better ones. Of
    what remains the best in each objective is always among the finalists.
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
    signs = np.array([1 if direction == "minimize" else -1 for direction in directions])
    best = {int(i) for i in (values * signs).argmin(axis=0)}
    fast_and_good = set(np.flatnonzero(non_dominated(values[:, :2], directions[:2])).tolist()) - best
    others = set(range(len(front))) - best - fast_and_good
    kept = [front[i] for i in sorted(best)]
    for group in (fast_and_good, others):
        kept += _spread([front[i] for i in sorted(group)], count - len(kept))
    return kept


def _quality(result: TrialResult) -> float:
    return result.figures.validation.value if result.figures else -np.inf


def _mean_ms(result: TrialResult) -> float:
    return result.figures.latency_ms.mean if result.figures else np.inf


def _hopeful(results: list[TrialResult]) -> list[TrialResult]:
    """Those that are, or with ``LIFT`` of quality more would be, better than everything faster."""
    kept, best = [], -np.inf
    for result in sorted(results, key=_mean_ms):
        if _quality(result) + LIFT > best:
            kept.append(result)
        best = max(best, _quality(result))
    return kept


def _unlike(results: list[TrialResult]) -> list[TrialResult]:
    """The results by falling quality, without those whose latency is within ``TWINS`` of a better one's."""
    kept: list[TrialResult] = []
    for result in sorted(results, key=lambda r: (-_quality(r), _mean_ms(r))):
        ratios = [_mean_ms(result) / _mean_ms(other) for other in kept]
        if all(max(ratio, 1 / ratio) > TWINS for ratio in ratios):
            kept.append(result)
    return kept


def _spread(results: list[TrialResult], count: int) -> list[TrialResult]:
    """``count`` of the results, evenly over their rank of mean latency, the fastest and the slowest among them."""
    if count <= 0:
        return []
    ordered = sorted(results, key=_mean_ms)
    if len(ordered) <= count:
        return ordered
    return [ordered[i] for i in np.unique(np.linspace(0, len(ordered) - 1, count).round().astype(int))]
