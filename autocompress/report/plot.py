"""Draws quality against latency: file size as marker area, constraints as lines, baselines beside the front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from autocompress.domain.figures import Figures
from autocompress.report.labels import place_labels
from autocompress.report.summary import StudySummary
from autocompress.system.errors import InputError
from autocompress.system.files import replacing
from autocompress.system.units import format_duration_ms, human_size
from objectives import constraints_for, tightest_bound
from objectives.latency import LATENCY
from objectives.quality import QUALITY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg")
FRONT, DOMINATED, BASELINE, LIMIT, INFEASIBLE = "#1663a6", "#8a8f98", "#b3471d", "#5d7a1f", "#9db8d2"
BASELINE_MARKERS = ("s", "X", "^", "v", "P")


@dataclass(frozen=True)
class Mark:
    """A point of the plot: latency in milliseconds, expected quality as a fraction, file size, label.

    ``interval`` is the 95% interval of the validation quality, drawn for members of the front.
    """

    latency_ms: float
    quality: float
    size_bytes: int
    label: str = ""
    interval: tuple[float, float] | None = None
    feasible: bool = True


@dataclass(frozen=True)
class PlotData:
    """Holds what is drawn; ``draw`` decides how.

    ``statistic`` names the latency on the horizontal axis. ``max_latency_ms`` and ``min_quality`` are drawn as lines,
    unless they are None.
    """

    title: str
    metric: str
    statistic: str
    front: tuple[Mark, ...]
    dominated: tuple[Mark, ...]
    baselines: tuple[Mark, ...]
    max_latency_ms: float | None
    min_quality: float | None


def plot_data(summary: StudySummary) -> PlotData:
    """Collect the marks and lines of a study; of two quality constraints the tighter one is drawn."""
    statistic = summary.problem.target.latency_statistic
    constraints = constraints_for(summary.problem, summary.teacher_quality)

    def mark(figures: Figures, label: str, feasible: bool = True) -> Mark:
        quality = figures.validation
        latency = figures.latency_ms.statistic(statistic)
        return Mark(latency, quality.estimate, figures.size_bytes, label, quality.interval, feasible)

    return PlotData(
        title=f"{summary.study}: {len(summary.front)} on the front of {sum(summary.trials.values())} trials",
        metric=summary.metric,
        statistic=statistic,
        front=tuple(mark(p.figures, str(p.trial), p.feasible is not False) for p in summary.front),
        dominated=tuple(mark(figures, str(trial)) for figures, trial in summary.dominated),
        baselines=tuple(mark(b.figures, b.name) for b in summary.baselines),
        max_latency_ms=tightest_bound(constraints, LATENCY),
        min_quality=tightest_bound(constraints, QUALITY),
    )


def write_plot(summary: StudySummary, path: Path) -> Path:
    """Draw a study to ``path``, PNG or SVG by its suffix, and return ``path``.

    InputError for another suffix or if nothing has been measured, StorageError if the file cannot be written.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"a plot is written as .png or .svg, but got {path.name!r}; choose for example front.png")
    data = plot_data(summary)
    if not (data.front or data.baselines or data.dominated):
        raise InputError(f"a plot needs at least one measured point, but study {summary.study!r} has none yet")
    figure = draw(data)
    with replacing(path) as temporary:
        figure.savefig(temporary, format=path.suffix.lower()[1:], metadata={"Title": data.title})
    return path


def draw(data: PlotData) -> Figure:
    """Draw a figure of 10 x 6 inches at 150 dots per inch, without a display or matplotlib's global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 6), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _style(axes, data)
    _scatter(axes, data)
    _limits(axes, data)
    handles = _size_legend(axes, data)
    figure.legend(handles=handles, loc="outside right upper", frameon=False, fontsize=8, labelspacing=1.1)
    figure.canvas.draw()
    labelled = [(m, BASELINE) for m in data.baselines] + [(m, FRONT) for m in data.front]
    everything = [*data.baselines, *data.front]
    place_labels(
        axes,
        [(m.latency_ms, m.quality, m.label, color) for m, color in labelled],
        obstacles=[(m.latency_ms, m.quality, _area(m, data)) for m in everything],
    )
    return figure


def _style(axes: Axes, data: PlotData) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.set_title(data.title, loc="left", fontsize=11)
    axes.set_xlabel(f"{data.statistic} latency per request (log scale)")
    axes.set_ylabel(f"{data.metric} expected, from validation data")
    axes.xaxis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g} ms"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(True, which="major", color="#e4e6ea", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    low, high = _quality_range(data)
    axes.set_ylim(low, high)
    latencies = [m.latency_ms for m in _all(data)] + ([data.max_latency_ms] if data.max_latency_ms else [])
    axes.set_xlim(min(latencies) / 1.35, max(latencies) * 1.35)


def _quality_range(data: PlotData) -> tuple[float, float]:
    """Return the vertical range: all of the front and the baselines; the worst dominated points may lie below."""
    kept = [m.quality for m in (*data.front, *data.baselines)] or [m.quality for m in data.dominated]
    low, high = min(kept), max(kept)
    if data.min_quality is not None:
        low, high = min(low, data.min_quality), max(high, data.min_quality)
    tail = [m.quality for m in data.dominated]
    span = max(high - low, 0.02)
    if tail:
        low = max(min(low, float(np.quantile(tail, 0.1))), low - span)
    return low - 0.08 * span, high + 0.12 * span


def _scatter(axes: Axes, data: PlotData) -> None:
    def columns(marks: Sequence[Mark]) -> tuple[list[float], list[float], list[float]]:
        return [m.latency_ms for m in marks], [m.quality for m in marks], [_area(m, data) for m in marks]

    x, y, area = columns(data.dominated)
    axes.scatter(x, y, s=area, color=DOMINATED, alpha=0.22, linewidths=0, zorder=2)
    axes.plot(*columns(_steps(data.front))[:2], color=FRONT, linewidth=1, alpha=0.45, drawstyle="steps-post", zorder=3)
    for m in data.front:
        if m.interval is not None:
            axes.vlines(m.latency_ms, *m.interval, color=FRONT, alpha=0.15, linewidth=1, zorder=2)
        color = FRONT if m.feasible else "white"
        axes.scatter(
            [m.latency_ms], [m.quality], s=[_area(m, data)], color=color, edgecolors=FRONT, alpha=0.85, zorder=4
        )
    for m, marker in zip(data.baselines, BASELINE_MARKERS * len(data.baselines), strict=False):
        axes.scatter(
            [m.latency_ms], [m.quality], s=[_area(m, data)], marker=marker, color=BASELINE, alpha=0.8, zorder=4
        )


def _steps(front: Sequence[Mark]) -> list[Mark]:
    """Return the marks that no faster one matches in quality, which the line joins; others are there for their size."""
    best: list[Mark] = []
    for mark in sorted(front, key=lambda m: (m.latency_ms, -m.quality)):
        if not best or mark.quality > best[-1].quality:
            best.append(mark)
    return best


def _limits(axes: Axes, data: PlotData) -> None:
    if data.max_latency_ms is not None:
        axes.axvline(data.max_latency_ms, color=LIMIT, linestyle="--", linewidth=1.2, zorder=1)
        axes.annotate(
            f"max latency {format_duration_ms(data.max_latency_ms)}",
            (data.max_latency_ms, 0.02),
            xycoords=("data", "axes fraction"),
            xytext=(-4, 0),
            textcoords="offset points",
            rotation=90,
            ha="right",
            va="bottom",
            color=LIMIT,
            fontsize=8,
        )
    if data.min_quality is not None:
        axes.axhline(data.min_quality, color=LIMIT, linestyle="--", linewidth=1.2, zorder=1)
        axes.annotate(
            f"min {data.metric} {data.min_quality:.3f}",
            (0.995, data.min_quality),
            xycoords=("axes fraction", "data"),
            xytext=(0, -3),
            textcoords="offset points",
            ha="right",
            va="top",
            color=LIMIT,
            fontsize=8,
        )


def _size_legend(axes: Axes, data: PlotData) -> list[object]:
    """Make the legend's handles: one per kind of mark, and up to three file sizes."""

    def handle(label: str, area: float, **style: object) -> object:
        return axes.scatter([], [], s=area, label=label, **style)  # type: ignore[arg-type]

    handles = [handle("front (number: trial)", 45, color=FRONT)]
    if not all(m.feasible for m in data.front):
        handles.append(handle("front, misses a constraint", 45, color="white", edgecolors=FRONT))
    if data.dominated:
        handles.append(handle("dominated", 45, color=DOMINATED, alpha=0.3))
    if data.baselines:
        handles.append(handle("baseline", 45, color=BASELINE, marker="s"))
    sizes = [m.size_bytes for m in _all(data)]
    for size in sorted({_round_size(s) for s in np.geomspace(min(sizes), max(sizes), 3)}):
        mark = Mark(1.0, 0.0, size)
        handles.append(handle(human_size(size), _area(mark, data), color="none", edgecolors="#444444"))
    return handles


def _round_size(size: float) -> int:
    return int(float(f"{size:.1g}"))


def _all(data: PlotData) -> list[Mark]:
    return [*data.front, *data.baselines, *data.dominated]


def _area(mark: Mark, data: PlotData) -> float:
    """Return a marker's area in points squared, proportional to the file size: 420 for the largest, 8 at least."""
    largest = max(m.size_bytes for m in _all(data))
    return max(8.0, 420.0 * mark.size_bytes / largest)
