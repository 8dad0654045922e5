"""Pick one point of a front by a rule, for users who do not want to choose."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from autocompress.report.summary import FrontPoint, StudySummary
from autocompress.system.errors import InputError, StudyError
from autocompress.trials.pareto import knee
from objectives.latency import LATENCY
from objectives.quality import QUALITY
from objectives.size import SIZE

Pick = Callable[[Sequence[FrontPoint], float], FrontPoint]
CLOSE = 0.01
"""Quality below the teacher's that still counts as close: one point."""


def _close(points: Sequence[FrontPoint], teacher: float) -> FrontPoint:
    """Return the fastest point within ``CLOSE`` of the teacher's quality, or the best where none is that close."""
    close = [point for point in points if _quality(point) >= teacher - CLOSE]
    return min(close, key=_latency) if close else _best(points, teacher)


def _best(points: Sequence[FrontPoint], teacher: float) -> FrontPoint:
    """Return the point of the highest quality, and of those the fastest."""
    return max(points, key=lambda point: (_quality(point), -_latency(point)))


def _knee(points: Sequence[FrontPoint], teacher: float) -> FrontPoint:
    """Return the knee of quality and the logarithm of latency: beyond it, giving up quality gains little speed."""
    values = np.array([(_quality(point), np.log(_latency(point))) for point in points])
    return points[knee(values, ("maximize", "minimize"))]


def _fastest(points: Sequence[FrontPoint], teacher: float) -> FrontPoint:
    return min(points, key=_latency)


def _smallest(points: Sequence[FrontPoint], teacher: float) -> FrontPoint:
    return min(points, key=lambda point: SIZE.value(point.figures))


def _quality(point: FrontPoint) -> float:
    return QUALITY.value(point.figures)


def _latency(point: FrontPoint) -> float:
    return LATENCY.value(point.figures)


PICKS: dict[str, Pick] = {
    "close": _close,
    "knee": _knee,
    "fastest": _fastest,
    "smallest": _smallest,
    "best": _best,
}
"""Rules by name; each takes points and the teacher's validation quality, a fraction, and returns one of the points."""


def pick_point(summary: StudySummary, pick: str, resuming: str = "autocompress resume") -> FrontPoint:
    """Return the point that rule ``pick`` chooses by validation figures, among the feasible ones if there are any.

    ``resuming`` is the command that continues the study, for the message. Raises InputError if there is no such rule,
    StudyError if nothing was measured yet.
    """
    if pick not in PICKS:
        raise InputError(f"pick must be one of {', '.join(PICKS)}, but got {pick!r}")
    if not summary.front:
        raise StudyError(
            f"a point can be picked when one was measured, but study {summary.study!r} has none yet; "
            f"go on with {resuming}"
        )
    feasible = [point for point in summary.front if point.feasible]
    teacher = summary.teacher_quality
    return PICKS[pick](feasible or list(summary.front), 1.0 if teacher is None else teacher)
