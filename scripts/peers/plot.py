"""Plots test quality against mean latency: other models by name, the front as a line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from autocompress.report.labels import place_labels
from autocompress.system.files import replacing
from peers.comparison import FRONT, Comparison, Row

COLORS = {FRONT: "#1663a6", "stock": "#8a6d1f", "peer": "#b3471d"}
MARKERS = {FRONT: "o", "stock": "s", "peer": "D"}
LEGEND = {FRONT: "front of the study (number: trial)", "stock": "the teacher, stock tools", "peer": "other tools"}
AREA = 42.0


def write_peers_plot(comparison: Comparison, path: Path) -> None:
    """Draw the comparison to a PNG file."""
    figure = Figure(figsize=(10, 6), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _style(axes, comparison)
    for kind in LEGEND:
        _scatter(axes, [row for row in comparison.rows if row.model.kind == kind], kind)
    figure.legend(loc="outside upper right", frameon=False, fontsize=8, ncols=len(LEGEND))
    figure.canvas.draw()
    first = sorted(comparison.rows, key=lambda row: row.model.kind == FRONT)
    place_labels(
        axes,
        [(row.mean_ms, row.quality.value, _label(row), COLORS[row.model.kind]) for row in first],
        obstacles=[(row.mean_ms, row.quality.value, AREA) for row in comparison.rows],
    )
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Title": f"peers on the study {comparison.study}"})


def _style(axes: Axes, comparison: Comparison) -> None:
    axes.set_xscale("log")
    axes.set_title(f"Peers on the study {comparison.study}", loc="left", fontsize=11)
    axes.set_xlabel("mean latency per request (log scale)")
    axes.set_ylabel(f"{comparison.metric} on test data")
    axes.xaxis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g} ms"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(True, which="major", color="#e4e6ea", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    latencies = [row.mean_ms for row in comparison.rows]
    qualities = [row.quality.value for row in comparison.rows]
    axes.set_xlim(min(latencies) / 1.5, max(latencies) * 1.8)
    span = max(max(qualities) - min(qualities), 0.02)
    axes.set_ylim(min(qualities) - 0.12 * span, max(qualities) + 0.25 * span)


def _scatter(axes: Axes, rows: Sequence[Row], kind: str) -> None:
    ordered = sorted(rows, key=lambda row: row.mean_ms)
    latencies, qualities = [row.mean_ms for row in ordered], [row.quality.value for row in ordered]
    if kind == FRONT:
        best = np.maximum.accumulate(qualities)  # points that are on the front for their size are left beside the line
        axes.step(latencies, best, where="post", color=COLORS[kind], linewidth=1, alpha=0.45, zorder=3)
    axes.scatter(latencies, qualities, s=AREA, marker=MARKERS[kind], color=COLORS[kind], label=LEGEND[kind], zorder=4)


def _label(row: Row) -> str:
    return row.model.name.removeprefix("trial ")
