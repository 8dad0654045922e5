"""Compare how fast each sampler's front grows on the prepared weights of a finished study.

    python scripts/compare_samplers.py STUDY [--studies-dir studies] [--seconds 90] [--seeds 5] [--out studies/samplers]

Every run is a real search: each trial is cut, compiled and measured. The surrogate runs as in every search (initial
designs first); the other samplers sample the raw joint space. Runs of one seed follow each other, and the order of the
samplers changes with the seed. The hypervolume is that of quality (in points) and of the natural logarithms of latency
and size. Its reference point is uniform int8 as measured in STUDY, at 6 points below the teacher's validation quality.
Also compares the surrogate's predictions of latency and quality with what was measured.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from search_bench import Bench, Run, interleaved, told

from autocompress.hardware.fingerprint import hardware_fingerprint
from autocompress.study.store import StudyStore
from autocompress.system.files import write_bytes, write_json
from autocompress.trials.samplers import SURROGATE

SAMPLERS = (SURROGATE, "random", "nsga2", "tpe")
TITLES = {SURROGATE: "autocompress", "random": "random", "nsga2": "NSGA-II", "tpe": "TPE"}


def summary(runs: Sequence[Run], seconds: float) -> dict[str, Any]:
    """Summarize the runs.

    Final hypervolumes, the share of the time in which the surrogate reaches the best other sampler's final one, and
    the errors of the predictions.
    """
    seeds = sorted({run.seed for run in runs})
    final = {name: [run.volume[-1] for run in runs if run.sampler == name] for name in SAMPLERS}
    shares = []
    for seed in seeds:
        ours = next(run for run in runs if run.seed == seed and run.sampler == SURROGATE)
        best = max(run.volume[-1] for run in runs if run.seed == seed and run.sampler != SURROGATE)
        shares.append(ours.time_to(best) / seconds)
    pairs = [pair for run in runs for pair in run.predictions]
    latency, size = (
        [abs(pair[f"predicted_{name}"] / pair[name] - 1) for pair in pairs] for name in ("latency_ms", "size_bytes")
    )
    points = [100 * abs(pair["predicted_quality"] - pair["quality"]) for pair in pairs]
    return {
        "final_hypervolume": final,
        "trials": {name: [len(run.seconds) for run in runs if run.sampler == name] for name in SAMPLERS},
        "share_of_time_to_best_other": shares,
        "median_share": float(np.median(shares)),
        "proposals": len(pairs),
        "median_latency_error": float(np.median(latency)),
        "p90_latency_error": float(np.quantile(latency, 0.9)),
        "median_size_error": float(np.median(size)),
        "median_quality_error_points": float(np.median(points)),
    }


def table(found: dict[str, Any]) -> str:
    """Format a Markdown table with a row per sampler."""
    lines = ["| search | final hypervolume, median (least to most) | trials, median |", "|---|---:|---:|"]
    for name in SAMPLERS:
        volumes, trials = found["final_hypervolume"][name], found["trials"][name]
        spread = f"{np.median(volumes):.1f} ({min(volumes):.1f} to {max(volumes):.1f})"
        lines.append(f"| {TITLES[name]} | {spread} | {np.median(trials):.0f} |")
    return "\n".join(lines) + "\n"


def draw(runs: Sequence[Run], seconds: float, path: Path) -> None:
    """Plot the hypervolume over time (median and range over the seeds), and predicted against measured latency."""
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    growth, errors = figure.subplots(1, 2)
    grid = np.linspace(0, seconds, 200)
    for name in SAMPLERS:
        curves = np.array([[run.at(second) for second in grid] for run in runs if run.sampler == name])
        (line,) = growth.plot(grid, np.median(curves, axis=0), label=TITLES[name])
        growth.fill_between(grid, curves.min(axis=0), curves.max(axis=0), alpha=0.15, color=line.get_color())
    growth.set(xlabel="seconds of search", ylabel="hypervolume", title="Growth of the front (median, range)")
    growth.legend(loc="lower right")
    pairs = [pair for run in runs for pair in run.predictions]
    measured = np.array([pair["latency_ms"] for pair in pairs])
    errors.loglog(measured, [pair["predicted_latency_ms"] for pair in pairs], ".", markersize=4)
    ends = [measured.min(), measured.max()]
    errors.loglog(ends, ends, "k-", linewidth=0.8)
    errors.set(xlabel="measured mean latency, ms", ylabel="predicted, ms", title="Latency of the proposals")
    figure.savefig(path, dpi=110)


def readme(found: dict[str, Any], bench: Bench, arguments: argparse.Namespace) -> str:
    """Return the study's README: the question, the answer, the command and the figures."""
    share = found["median_share"]
    hardware, reference = hardware_fingerprint(1), bench.shown
    shares = ", ".join(f"{share:.2f}" for share in found["share_of_time_to_best_other"])
    middle, high, size = (100 * found[f"{name}_error"] for name in ("median_latency", "p90_latency", "median_size"))
    return f"""# Samplers on the study {bench.store.name}

**Question.** Does the search spend its time better than the samplers that one could use instead?

**Answer.** Its front reaches the final hypervolume of the best of random, NSGA-II and TPE in {share:.2f} of the time
(median of {arguments.seeds} seeds; from the first to the last seed: {shares}). The surrogate's predictions of latency
are off by {middle:.1f}% in the median ({high:.0f}% at the 90th percentile) over {found["proposals"]} proposals, those
of size by {size:.1f}%, those of validation quality by {found["median_quality_error_points"]:.1f} points.

**Command.**

    python scripts/compare_samplers.py {bench.store.name} --seconds {arguments.seconds:g} --seeds {arguments.seeds}

Every run is a real search of {arguments.seconds:g} s on the same prepared teacher and super-networks: each trial is
cut, compiled and measured ({hardware["cpu"]}, {hardware["cores"]} cores, one thread). `autocompress` is its own search:
the initial designs, then the surrogate. The others sample the raw joint space through Optuna. The hypervolume is that
of quality in points and of the natural logarithms of latency and size. Its reference point is quality
{reference["quality"]:.4f}, {reference["latency_ms"]:.3f} ms and {reference["size_bytes"]:,} bytes: uniform int8 in this
study, at 6 points below the teacher. That trial is measured before the clock starts, as in every search.

**Figures.**

{table(found)}
![growth of the hypervolume, and predicted against measured latency](samplers.png)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("study")
    parser.add_argument("--studies-dir", type=Path, default=Path("studies"))
    parser.add_argument("--seconds", type=float, default=90.0)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("studies/samplers"))
    arguments = parser.parse_args()
    bench = Bench(StudyStore.read(arguments.studies_dir, arguments.study))
    runs = []
    for seed, sampler in interleaved(SAMPLERS, range(arguments.seeds)):
        runs.append(bench.run(sampler, seed, arguments.seconds))
        print(told(sampler, runs[-1]), flush=True)
    found = summary(runs, arguments.seconds)
    arguments.out.mkdir(parents=True, exist_ok=True)
    curves = [{**vars(run), "predictions": len(run.predictions)} for run in runs]
    write_json(arguments.out / "samplers.json", {"summary": found, "reference": bench.shown, "runs": curves})
    draw(runs, arguments.seconds, arguments.out / "samplers.png")
    write_bytes(arguments.out / "README.md", readme(found, bench, arguments).encode())
    print(table(found))


if __name__ == "__main__":
    main()
