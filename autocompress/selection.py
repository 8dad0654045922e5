"""Which trials are worth more time: those to refine, and the finalists to verify. Validation figures only."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import numpy as np

from autocompress.configuration import STUDENTS
from autocompress.exploration.objective import Constraint, Objective
from autocompress.exploration.pareto import non_dominated
from autocompress.figures import TrialResult


def to_refine(
    results: Sequence[TrialResult], teacher_quality: float, constraints: Sequence[Constraint], count: int, reach: float
) -> list[TrialResult]:
    """At most ``count`` results that a training of their own may bring to the front.

    Candidates are non-dominated in quality and mean latency among their student type (training lifts a transformer
    more than a shallow student), meet every constraint that training cannot change, and are at most ``reach`` of
    quality below the teacher, or below the best of them where all are farther from it. The types take turns; within one
    the choice is spread evenly over latency.
    """
    fixed = [constraint for constraint in constraints if constraint.name not in ("max_drop", "min_quality")]
    allowed = {
        result.trial: result.figures.validation.value
        for result in results
        if result.figures is not None and all(constraint.violation(result.figures) <= 0 for constraint in fixed)
    }
    floor = min(teacher_quality, max(allowed.values(), default=0.0)) - reach
    candidates = [result for result in results if allowed.get(result.trial, -np.inf) >= floor]
    queues = [
        _spread(_fast_and_good([r for r in candidates if r.configuration.student == student]), -(-count // 2))
        for student in STUDENTS
    ]
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


def _fast_and_good(results: list[TrialResult]) -> list[TrialResult]:
    """The results that are non-dominated in validation quality and mean latency."""
    if not results:
        return []
    values = np.array([(r.figures.validation.value, r.figures.latency_ms.mean) for r in results if r.figures])
    return [results[int(i)] for i in np.flatnonzero(non_dominated(values, ("maximize", "minimize")))]


def _spread(results: list[TrialResult], count: int) -> list[TrialResult]:
    """``count`` of the results, evenly over their rank of mean latency, the fastest and the slowest among them."""
    if count <= 0:
        return []
    ordered = sorted(results, key=lambda r: r.figures.latency_ms.mean if r.figures else np.inf)
    if len(ordered) <= count:
        return ordered
    return [ordered[i] for i in np.unique(np.linspace(0, len(ordered) - 1, count).round().astype(int))]
