"""Run an A/A test of the final latencies: measure the same files again and again on a busy machine.

    python scripts/benchmark_aa.py STUDY_FOLDER [--measurements 20] [--hours 2] [--quiet] [--out studies/latency]
    python scripts/benchmark_aa.py --again studies/latency/load.json

Measures the study's fastest and slowest verified students, a copy of the fastest (its twin), and uniform int8, as
verification does, the given number of times over the given hours, while a load generator keeps another core busy
(``--quiet``: without it). Reports how often a measurement's interval contains the means of the others (it states 95%)
and how far the means spread: for whole measurements, for their first five rounds alone (as in a search of a few
minutes), and for the same protocol without checking the core's speed (``hardware/core_speed.py``). Also reports how
often the intervals of a file and its twin do not overlap. ``--again`` makes the report from the rounds in an earlier
report.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

from autocompress import open_study
from autocompress.domain.problem import Target
from autocompress.hardware.cores import pin, split_cores, usable_cores
from autocompress.hardware.fingerprint import hardware_fingerprint
from autocompress.measurement.process import Workload, measure_in_fresh_process
from autocompress.measurement.protocol import FINAL
from autocompress.measurement.statistics import summarise_latency
from autocompress.system.files import read_json, write_json

TWIN = "twin of the fastest"
FINAL_KIND = "as verified"
PROTOCOLS = {FINAL_KIND: FINAL, "slow cores not told": replace(FINAL, max_slowdown=1e9)}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("study", type=Path, nargs="?")
    parser.add_argument("--measurements", type=int, default=20)
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--quiet", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("studies/latency"))
    parser.add_argument("--again", type=Path)
    arguments = parser.parse_args()
    if arguments.again is not None:
        earlier = read_json(arguments.again)
        rows = [{**row, **figure(row["rounds_ms"])} for row in earlier["measurements"]]
        finish(arguments.again, {name: earlier[name] for name in ("hours", "load", "hardware")}, rows)
        return
    if arguments.study is None:
        parser.error("name a study's folder, or a report with --again")
    study = open_study(arguments.study.name, arguments.study.parent)
    target = study.store.problem.target
    rows = measurements(study, target, arguments.measurements, arguments.hours, quiet=arguments.quiet)
    path = arguments.out / ("quiet.json" if arguments.quiet else "load.json")
    conditions = {"hours": arguments.hours, "load": not arguments.quiet}
    finish(path, {**conditions, "hardware": hardware_fingerprint(target.threads)}, rows)


def measurements(study: Any, target: Target, count: int, hours: float, *, quiet: bool) -> list[dict[str, Any]]:
    """Measure ``count`` times over ``hours``; return a row for each measurement, model and protocol."""
    cores = split_cores(usable_cores(), target.threads)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder, load(cores.building, quiet or not cores.apart):
        models = chosen(study, Path(folder))
        pin(cores.measuring)
        begin = time.monotonic()
        for number in range(count):
            pause_s = begin + number * 3600 * hours / count - time.monotonic()
            time.sleep(max(pause_s, 0.0))
            minutes = round((time.monotonic() - begin) / 60, 1)
            for kind in PROTOCOLS if number % 2 else reversed(PROTOCOLS):
                rows += measured(models, study.folder / "data" / "requests.npz", target, kind, minutes)
    return rows


def finish(path: Path, conditions: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    """Write the report to ``path`` and print it."""
    names = list(dict.fromkeys(row["model"] for row in rows))
    report = {
        **conditions,
        "models": {kind: {name: summary(of(rows, kind, name)) for name in names} for kind in PROTOCOLS},
        "five_rounds": {name: summary([brief(row) for row in of(rows, FINAL_KIND, name)]) for name in names},
        "twins_called_different": different(of(rows, FINAL_KIND, "fastest"), of(rows, FINAL_KIND, TWIN)),
        "measurements": rows,
    }
    write_json(path, report)
    print(json.dumps({name: value for name, value in report.items() if name != "measurements"}, indent=2))
    print(table(report))


def measured(
    models: dict[str, Path], requests: Path, target: Target, kind: str, minutes: float
) -> list[dict[str, Any]]:
    """Measure all models once by the protocol of this kind; return a row for each."""
    rows = []
    for name, one in measure_in_fresh_process(Workload(models, requests, target.threads), PROTOCOLS[kind]).items():
        rounds = one.timing.rounds_ms.round(6).tolist()
        row = {"minutes": minutes, "protocol": kind, "model": name, **figure(rounds)}
        rows.append({**row, "rounds_ms": rounds, "disturbed": one.latency.disturbed})
        print(json.dumps(rows[-1]), flush=True)
    return rows


def figure(rounds_ms: list[float]) -> dict[str, Any]:
    """Return the mean and interval that autocompress reports for these rounds."""
    latency = summarise_latency(rounds_ms, 1.0, False, rounds_ms=rounds_ms)
    return {"mean": latency.mean, "interval": latency.mean_interval}


def of(rows: list[dict[str, Any]], kind: str, name: str) -> list[dict[str, Any]]:
    """Return the measurements of one model by one protocol, in order."""
    return [row for row in rows if row["protocol"] == kind and row["model"] == name]


def chosen(study: Any, folder: Path) -> dict[str, Path]:
    """Copy the files to measure to ``folder`` and return them by name; a twin lies elsewhere on disk."""
    fastest = min(study.front, key=lambda point: point.figures.latency_ms.mean)
    slowest = max((point for point in study.front if point.trial), key=lambda point: point.figures.latency_ms.mean)
    files = {
        "fastest": study.source(fastest).model,
        TWIN: study.source(fastest).model,
        "slowest student": study.source(slowest).model,
        "uniform int8": study.folder / "baselines" / "onnxruntime-int8" / "model.onnx",
    }
    return {name: Path(shutil.copy(path, folder / f"{place}.onnx")) for place, (name, path) in enumerate(files.items())}


@contextmanager
def load(cores: tuple[int, ...], quiet: bool) -> Any:
    """Keep ``cores`` busy with matrix products while the block runs."""
    arguments = [] if quiet else [(core, os.getpid()) for core in cores]
    processes = [multiprocessing.Process(target=multiply, args=pair, daemon=True) for pair in arguments]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.kill()


def multiply(core: int, parent: int) -> None:
    """Multiply matrices as long as the parent lives."""
    os.sched_setaffinity(0, {core})
    matrix = np.random.default_rng(0).random((700, 700))
    while os.getppid() == parent:
        matrix = matrix @ matrix
        matrix /= matrix.max()


def brief(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row with the figures of its first five rounds only."""
    return {**row, **figure(row["rounds_ms"][:5])}


def summary(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Summarize one model's measurements: their spread, and how often an interval contains another's mean."""
    means = np.array([row["mean"] for row in rows])
    held = [one["interval"][0] <= other["mean"] <= one["interval"][1] for one, other in permutations(rows, 2)]
    widths = [(row["interval"][1] - row["interval"][0]) / 2 / row["mean"] for row in rows]
    return {
        "mean_ms": round(float(means.mean()), 5),
        "deviation": round(float(np.log(means).std(ddof=1)), 4),
        "half_width": round(float(np.mean(widths)), 4),
        "coverage": round(float(np.mean(held)), 4),
        "disturbed": sum(row["disturbed"] for row in rows),
    }


def different(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> int:
    """Count how often the intervals of two files, measured together, do not overlap."""
    pairs = ((a["interval"], b["interval"]) for a, b in zip(first, second, strict=True))
    return sum(a[1] < b[0] or b[1] < a[0] for a, b in pairs)


def table(report: dict[str, Any]) -> str:
    """Format the report as Markdown."""
    lines = [
        "| file | protocol | mean, ms | spread of the means | half an interval | held | disturbed |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for kind, models in {**report["models"], "the first five rounds of it": report["five_rounds"]}.items():
        for name, one in models.items():
            cells = f"{one['mean_ms']:.4f} | {one['deviation']:.1%} | {one['half_width']:.1%} | {one['coverage']:.1%}"
            lines.append(f"| {name} | {kind} | {cells} | {one['disturbed']} |")
    return "\n".join([*lines, "", f"twins called different: {report['twins_called_different']}"])


if __name__ == "__main__":
    main()
