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
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from autocompress.domain.figures import Figures
from autocompress.evaluation.trial import TrialEvaluator
from autocompress.hardware.fingerprint import hardware_fingerprint
from autocompress.preparation.surrogate import surrogate_of
from autocompress.study.prepared import Prepared
from autocompress.study.store import StudyStore
from autocompress.system.files import write_bytes, write_json
from autocompress.trials.controller import Controller, TrialEvent
from autocompress.trials.pareto import hypervolume
from autocompress.trials.ray_cluster import Resources
from autocompress.trials.ray_host import HostedRay
from autocompress.trials.samplers import SURROGATE
from autocompress.trials.settings import SearchSettings
from objectives import DEFAULT, constraints_for
from search_spaces import SEARCH_SPACES, SearchSpace

SAMPLERS = (SURROGATE, "random", "nsga2", "tpe")
TITLES = {SURROGATE: "autocompress", "random": "random", "nsga2": "NSGA-II", "tpe": "TPE"}
BELOW_TEACHER = 0.06
DIRECTIONS = ("maximize", "minimize", "minimize")


@dataclass(frozen=True)
class Run:
    """One search: when each trial ended, in seconds since its start, and the hypervolume after it."""

    sampler: str
    seed: int
    seconds: list[float]
    volume: list[float]
    predictions: list[dict[str, float]]

    def at(self, second: float) -> float:
        """Return the hypervolume after ``second`` seconds."""
        ended = sum(end <= second for end in self.seconds)
        return self.volume[ended - 1] if ended else 0.0

    def time_to(self, volume: float) -> float:
        """Return the seconds until the hypervolume was at least ``volume``; infinite if it never was."""
        return next((end for end, value in zip(self.seconds, self.volume, strict=True) if value >= volume), np.inf)


class Bench:
    """Runs searches on a finished study's prepared weights."""

    def __init__(self, store: StudyStore) -> None:
        self.store, self.prepared = store, Prepared(store.folder)
        task = self.prepared.data.task
        self.space: SearchSpace = SEARCH_SPACES["joint"](
            self.prepared.teacher_shape, task.definition.exits_early, task.pair
        )
        first = store.results()[0].figures
        assert first is not None
        floor = self.prepared.teacher_quality - BELOW_TEACHER
        self.reference = (100 * floor, float(np.log(first.latency_ms.mean)), float(np.log(first.size_bytes)))
        self.shown = {"quality": floor, "latency_ms": first.latency_ms.mean, "size_bytes": first.size_bytes}

    def run(self, sampler: str, seed: int, seconds: float) -> Run:
        """Search for ``seconds`` in a temporary study."""
        problem = replace(self.store.problem, sampler=sampler, seed=seed, space="joint")
        surrogate = surrogate_of(problem, self.prepared, self.space) if sampler == SURROGATE else None
        ended: list[float] = []
        values: list[tuple[float, float, float]] = []
        begin = time.monotonic()

        def on_event(event: TrialEvent) -> None:
            if event.result is not None and event.result.figures is not None and event.number > 0:
                ended.append(time.monotonic() - begin)
                values.append(costs(event.result.figures))

        resources = Resources(problem.target.threads, problem.workers, problem.ray_address)
        evaluator = TrialEvaluator(self.prepared, problem.target)
        constraints = constraints_for(problem, self.prepared.teacher_quality)
        settings = SearchSettings(self.space, DEFAULT, constraints, sampler, seed, surrogate)
        with tempfile.TemporaryDirectory(dir=self.store.folder.parent) as folder:
            store = StudyStore.create(Path(folder), "run", problem)
            with HostedRay(evaluator, resources) as host, host.pinned() as executor:
                controller = Controller(store, settings, executor, on_event)
                controller.run(max_trials=1, enqueue=self.space.initial_designs()[:1])
                begin = time.monotonic()
                controller.run(deadline=begin + seconds, enqueue=surrogate.initial_designs() if surrogate else ())
            predictions = predicted(store)
            store.close()
        volumes = [hypervolume(values[: count + 1], DIRECTIONS, self.reference) for count in range(len(values))]
        return Run(sampler, seed, ended, volumes, predictions)


def costs(figures: Figures) -> tuple[float, float, float]:
    """Return quality in points and the logarithms of latency and size."""
    return 100 * figures.validation.estimate, float(np.log(figures.latency_ms.mean)), float(np.log(figures.size_bytes))


def predicted(store: StudyStore) -> list[dict[str, float]]:
    """Return the predicted and the measured figures of each of the surrogate's proposals."""
    found = []
    for trial in store.optuna_study([objective.direction for objective in DEFAULT]).get_trials(deepcopy=False):
        expected, result = trial.user_attrs.get("predicted"), store.result(trial.number)
        if expected is None or result is None or result.figures is None:
            continue
        figures = result.figures
        found.append(
            {
                **{f"predicted_{name}": value for name, value in expected.items()},
                "quality": figures.validation.estimate,
                "latency_ms": figures.latency_ms.mean,
                "size_bytes": figures.size_bytes,
            }
        )
    return found


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
    for seed in range(arguments.seeds):
        for place in range(len(SAMPLERS)):
            runs.append(bench.run(SAMPLERS[(place + seed) % len(SAMPLERS)], seed, arguments.seconds))
            last = runs[-1]
            print(
                f"seed {seed} {last.sampler}: {len(last.seconds)} trials, hypervolume {last.volume[-1]:.2f}", flush=True
            )
    found = summary(runs, arguments.seconds)
    arguments.out.mkdir(parents=True, exist_ok=True)
    curves = [{**vars(run), "predictions": len(run.predictions)} for run in runs]
    write_json(arguments.out / "samplers.json", {"summary": found, "reference": bench.shown, "runs": curves})
    draw(runs, arguments.seconds, arguments.out / "samplers.png")
    write_bytes(arguments.out / "README.md", readme(found, bench, arguments).encode())
    print(table(found))


if __name__ == "__main__":
    main()
