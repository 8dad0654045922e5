"""Rules that pick one point of a front for who does not want to choose."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from autocompress.report.summary import FrontPoint, StudySummary
from autocompress.system.errors import InputError, StudyError
from autocompress.trials.pareto import knee

Pick = Callable[[Sequence[FrontPoint], float], FrontPoint]
CLOSE = 0.01


def _close(points: Sequence[FrontPoint], teacher: float) -> FrontPoint:
    """The fastest within one point of the teacher's quality; where none is, the best."""
    close = [point for point in points if _quality(point) >= teacher - CLOSE]
    return min(close, key=_latency) if close else _best(points, teacher)


def _best(points: Sequence[FrontPoint], teacher: float) -> FrontPoint:
    return max(points, key=lambda point: (_quality(point), -_latency(point)))


def _knee(points: Sequence[FrontPoint], teacher: float) -> FrontPoint:
    """The point where giving up quality stops paying in latency (on a logarithmic scale)."""
    values = np.array([(_quality(point), np.log(_latency(point))) for point in points])
    return points[knee(values, ("maximize", "minimize"))]


def _quality(point: FrontPoint) -> float:
    return point.figures.validation.estimate


def _latency(point: FrontPoint) -> float:
    return point.figures.latency_ms.mean


PICKS: dict[str, Pick] = {
    "close": _close,
    "knee": _knee,
    "fastest": lambda points, _teacher: min(points, key=_latency),
    "smallest": lambda points, _teacher: min(points, key=lambda point: point.figures.size_bytes),
    "best": _best,
}


def pick_point(summary: StudySummary, pick: str, resuming: str = "autocompress resume") -> FrontPoint:
    """The point that rule ``pick`` chooses, by validation figures, among the feasible ones where there are any.

    ``resuming`` is the command that goes on with the study, for the message.
    InputError if there is no such rule, StudyError if nothing was measured yet.
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
