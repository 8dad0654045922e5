"""Render summaries as tables for a terminal.

Every figure stays readable at 100 columns; only configurations wrap.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from rich import box
from rich.table import Table

from autocompress.domain.figures import Figures
from autocompress.report.misses import Candidate, Misses, Relaxation
from autocompress.report.summary import FrontPoint, StudySummary, checkpoints_of, speedups
from autocompress.students.configuration import describe
from autocompress.system.units import human_seconds, human_size

REFERENCES = (("onnxruntime-int8", "vs int8"), ("pytorch-fp32", "vs torch"))
MARKS = {True: "yes", False: "no", None: "?"}


def front_table(summary: StudySummary, most: int | None = None) -> Table:
    """Render the baselines, then the front in order of mean latency; at most ``most`` points, spread over it.

    Below the validation metric stands the one to expect of fresh texts, by which points are chosen. ``ok`` says whether
    a point meets all constraints, with a question mark before the point is verified.
    """
    table = _table(f"{summary.study} ({summary.state}): {_counts(summary)}{_lineage(summary)}")
    table.add_column("trial", justify="right", no_wrap=True)
    table.add_column("configuration", overflow="fold", ratio=1, min_width=16)
    for header in (f"{summary.metric}\nvalid.", "\ntest", "mean\nms", "p95\nms"):
        table.add_column(header, justify="right", no_wrap=True)
    for _, header in REFERENCES:
        table.add_column(header.replace(" ", "\n"), justify="right", no_wrap=True)
    for header in ("\nsize", "peak\nmemory"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("\nok", no_wrap=True)
    for baseline in summary.baselines:
        speedup = speedups(baseline.figures, summary.baselines)
        table.add_row("-", baseline.name, *_cells(baseline.figures, speedup), "", style="dim")
    if summary.baselines:
        table.add_section()
    for point in spread(summary.front, most):
        style = None if point.feasible in (True, None) else "dim"
        mark = MARKS[point.feasible]
        table.add_row(
            str(point.trial), describe(point.configuration), *_cells(point.figures, point.speedup), mark, style=style
        )
    return table


def spread(front: Sequence[FrontPoint], most: int | None) -> list[FrontPoint]:
    """Return at most ``most`` points, both ends and evenly between; feasible ones where there are enough of them."""
    points = list(front)
    if most is None or len(points) <= most:
        return points
    feasible = [point for point in points if point.feasible]
    if len(feasible) >= most:
        points = feasible
    steps = [round(i * (len(points) - 1) / (most - 1)) for i in range(most)] if most > 1 else [0]
    return [points[step] for step in steps]


def studies_table(summaries: Sequence[StudySummary]) -> Table:
    """Render one row per study: its state, trials, best feasible quality, fastest feasible point and last change."""
    table = _table(None)
    for header in ("study", "state", "trials", "front", "best", "fastest", "changed"):
        table.add_column(header, overflow="fold", no_wrap=header != "study")
    for summary in summaries:
        usable = [point for point in summary.front if point.feasible is not False]
        best = max((point.figures.validation.estimate for point in usable), default=None)
        fastest = min((point.figures.latency_ms.mean for point in usable), default=None)
        table.add_row(
            summary.study,
            summary.state,
            str(sum(summary.trials.values())),
            str(len(summary.front)),
            "-" if best is None else f"{summary.metric} {best:.3f}",
            "-" if fastest is None else f"{_number(fastest)} ms",
            "-" if summary.updated is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(summary.updated)),
        )
    return table


def misses_table(misses: Misses) -> Table:
    """Render the nearest misses, each with the constraints that it breaks."""
    table = _table("nearest misses")
    table.add_column("trial", justify="right", no_wrap=True)
    for header in ("validation", "mean ms", "p95 ms", "size", "memory"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("breaks", overflow="fold", ratio=1)
    for miss in misses.nearest:
        figures = miss.figures
        broken = "; ".join(f"{v.constraint.label} {v.constraint.show(v.value)}" for v in miss.violations)
        table.add_row(
            str(miss.trial),
            f"{figures.validation.value:.3f}",
            _number(figures.latency_ms.mean),
            _number(figures.latency_ms.p95),
            human_size(figures.size_bytes),
            human_size(figures.memory_bytes),
            broken,
        )
    return table


def relaxation_line(relaxation: Relaxation, metric: str) -> str:
    """Say in one sentence what moving the bound of this constraint alone would buy."""
    constraint, needed = relaxation.constraint, relaxation.needed
    head = f"{constraint.label} {constraint.type.side.words} {constraint.show(constraint.bound)}"
    if relaxation.nearest is None or relaxation.best is None or needed is None:
        if relaxation.alone is None:
            return f"{head}: binds, and so does another limit: nothing measured keeps this one even alone"
        return f"{head}: not enough to relax it alone; the best that keeps it is {_point(relaxation.alone, metric)}"
    if not relaxation.binds:
        return f"{head}: does not bind"
    return (
        f"{head}: binds; relaxed to {constraint.admitting(needed)} it admits {_point(relaxation.nearest, metric)}; "
        f"without it the best is {_point(relaxation.best, metric)}"
    )


def fastest_line(summary: StudySummary) -> str | None:
    """Say what the fastest point gains and loses; None where that is unknown, or it loses less than a point."""
    usable = [point for point in summary.front if point.feasible is not False]
    if not usable or summary.teacher_quality is None:
        return None
    fastest = min(usable, key=lambda point: point.figures.latency_ms.mean)
    lost = 100 * (summary.teacher_quality - fastest.figures.validation.estimate)
    gains = [
        f"{_number(fastest.speedup[name])} times as fast as {name}" for name, _ in REFERENCES if name in fastest.speedup
    ]
    if lost < 1.0 or not gains:
        return None
    return (
        f"the fastest, trial {fastest.trial}, is {gains[0]} and costs {lost:.1f} points of {summary.metric} against "
        f"the teacher (validation)"
    )


def phase_lines(summary: StudySummary) -> list[str]:
    """Say what each phase planned and used of the time budget."""
    return [
        f"{phase['name']}: planned {human_seconds(phase['planned_s'])}, "
        + ("not done" if phase["used_s"] is None else f"used {human_seconds(phase['used_s'])}")
        for phase in summary.phases
    ]


def _point(candidate: Candidate, metric: str) -> str:
    figures, trial = candidate
    return f"trial {trial} ({metric} {figures.validation.value:.3f}, {_number(figures.latency_ms.mean)} ms mean)"


def _counts(summary: StudySummary) -> str:
    states = ", ".join(f"{count} {state}" for state, count in summary.trials.items() if count)
    return f"{len(summary.front)} on the front; trials: {states or 'none'}"


def _lineage(summary: StudySummary) -> str:
    """Say from which checkpoint students start and which one teaches them, where these are two."""
    found = checkpoints_of(summary.problem)
    return f"\nstudents start from {found['student']} and learn from {found['teacher']}" if found else ""


def _table(title: str | None) -> Table:
    return Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 0), show_edge=False)


def _cells(figures: Figures, speedup: Mapping[str, float]) -> list[str]:
    quality = figures.validation
    expected = "" if quality.expected is None else f"\n({quality.expected:.3f})"
    return [
        f"{quality.value:.3f}{expected}",
        "-" if figures.test is None else f"{figures.test.value:.3f}",
        _number(figures.latency_ms.mean),
        _number(figures.latency_ms.p95),
        *(f"{_number(speedup[name], below_one=2)}x" if name in speedup else "-" for name, _ in REFERENCES),
        human_size(figures.size_bytes),
        human_size(figures.memory_bytes),
    ]


def _number(value: float, below_one: int = 3) -> str:
    digits = below_one if value < 1 else 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{digits}f}"
