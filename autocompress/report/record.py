"""Writes what a study found as small files in its folder: summary.json, front.csv and front.png."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from autocompress.report.plot import write_plot
from autocompress.report.summary import StudySummary, figures_to_json
from autocompress.students.configuration import describe
from autocompress.system.files import write_bytes, write_json

SUMMARY, FRONT, PLOT = "summary.json", "front.csv", "front.png"


def write_record(summary: StudySummary, folder: Path) -> None:
    """Write the three files to ``folder``; InputError if nothing has been measured, StorageError without room."""
    write_json(folder / SUMMARY, summary.to_json())
    write_bytes(folder / FRONT, front_csv(summary).encode())
    write_plot(summary, folder / PLOT)


def front_csv(summary: StudySummary) -> str:
    """Return a CSV table: the baselines, then the front in order of mean latency; milliseconds and bytes."""
    rows = [_row(b.name, "", None, figures_to_json(b.figures)) for b in summary.baselines]
    for point in summary.front:
        row = _row(str(point.trial), describe(point.configuration), point.feasible, figures_to_json(point.figures))
        rows.append(row | {f"speedup_{name}": f"{value:.3f}" for name, value in point.speedup.items()})
    stream = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(stream, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def _row(name: str, configuration: str, feasible: bool | None, figures: dict[str, Any]) -> dict[str, Any]:
    quality, latency = figures["quality"], figures["latency_ms"]
    return {
        "name": name,
        "configuration": configuration,
        "feasible": "" if feasible is None else feasible,
        "metric": quality["metric"],
        "validation": quality["validation"],
        "test": quality["test"],
        **{f"latency_{statistic}_ms": f"{latency[statistic]:.4f}" for statistic in ("mean", "p50", "p95")},
        "size_bytes": figures["size_bytes"],
        "memory_bytes": figures["memory_bytes"],
    }
