"""Measure what a study costs as it grows, and whether the controller keeps many workers busy.

    python scripts/benchmark_scale.py [--trials 10000] [--workers 16] [--out studies/scale]

The real controller, study and surrogate run with an executor whose jobs only take time: nothing is trained or
measured, and a trial's figures are a formula of its configuration. First runs ``--trials`` trials that take no time,
and reports the seconds of asking and committing and the resident memory per block of trials. Then resumes, shows and
plots that study. Then runs ``--workers`` builders whose builds take 1 to 3 s, and reports the share of the time that
they are busy.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from matplotlib.figure import Figure

from autocompress.domain.figures import Figures, Latency, Quality
from autocompress.domain.problem import Problem
from autocompress.domain.shape import EncoderShape
from autocompress.hardware.fingerprint import hardware_fingerprint
from autocompress.students.configuration import configuration_from_json
from autocompress.study.results import TrialResult
from autocompress.study.store import StudyStore
from autocompress.system.files import write_bytes, write_json
from autocompress.trials.controller import Controller
from autocompress.trials.jobs import BUILD, Finished, TrialRequest, run_job
from autocompress.trials.samplers import SURROGATE
from autocompress.trials.settings import SearchSettings
from autocompress.trials.surrogate import Region, Surrogate
from objectives import DEFAULT
from search_spaces import SEARCH_SPACES

MINILM = EncoderShape(6, 384, 12, 1536, 30522, 512, 2, 2, 384)
BLOCK = 250
SHORTEST_S, LONGEST_S, MEASURED_S = 1.0, 3.0, 0.05


class Formula:
    """Evaluates a configuration with figures that depend only on its digest."""

    def build(self, request: TrialRequest) -> None:
        """Do nothing."""

    def measure(self, request: TrialRequest) -> TrialResult:
        """Return the figures."""
        rng = np.random.default_rng(int(request.digest, 16))
        quality, mean, size = 0.8 + 0.1 * rng.beta(2, 2), float(np.exp(rng.normal(-2, 1))), int(1e6 * rng.lognormal())
        figures = Figures(
            Quality("accuracy", quality, (quality - 0.01, quality + 0.01), 2000),
            Latency(mean, mean, 1.3 * mean, (mean, mean), 500, 1.0),
            size,
            10**8,
        )
        return TrialResult(request.number, request.attempt, configuration_from_json(request.configuration), figures)


@dataclass
class Simulated:
    """An executor whose jobs take ``seconds(step)``."""

    builders: int
    seconds: Callable[[str], float]
    busy_s: float = 0.0
    jobs: list[tuple[float, str, TrialRequest]] = field(default_factory=list)

    @property
    def window(self) -> int:
        """Return how many trials may be open: twice the number of builders, as on real cores."""
        return 2 * self.builders

    def submit(self, step: str, request: TrialRequest) -> None:
        """Start a job."""
        taken = self.seconds(step)
        self.busy_s += taken if step == BUILD else 0.0
        self.jobs.append((time.monotonic() + taken, step, request))

    def wait(self, timeout_s: float) -> list[Finished]:
        """Return the job that ends first, if it ends within ``timeout_s``."""
        if not self.jobs:
            return []
        first = min(self.jobs, key=lambda job: job[0])
        rest = first[0] - time.monotonic()
        time.sleep(max(min(rest, timeout_s), 0.0))
        if rest > timeout_s:
            return []
        self.jobs.remove(first)
        _, step, request = first
        return [Finished(request, step, result=run_job(Formula(), step, request))]

    def cancel(self, number: int) -> None:
        """Drop a job."""
        self.jobs = [job for job in self.jobs if job[2].number != number]

    def close(self) -> None:
        """Drop all jobs."""
        self.jobs.clear()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--busy-trials", type=int, default=400)
    parser.add_argument("--out", type=Path, default=Path("studies/scale"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        blocks = grow(Path(folder), arguments.trials)
        commands = timed(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        busy = share_busy(Path(folder), arguments.workers, arguments.busy_trials)
    report = {
        "trials": arguments.trials,
        "blocks": blocks,
        "commands_s": commands,
        "workers": {"count": arguments.workers, "trials": arguments.busy_trials, "busy": round(busy, 4)},
        "hardware": hardware_fingerprint(1),
    }
    write_json(arguments.out / "scale.json", report)
    figure = plot(blocks)
    picture = BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    write_bytes(arguments.out / "scale.png", picture.getvalue())
    print(table(report))


def searching(store: StudyStore, executor: Simulated) -> Controller:
    """Return the controller of a real search with a simulated executor."""
    space = SEARCH_SPACES["joint"](MINILM)
    settings = SearchSettings(space, DEFAULT, (), SURROGATE, 0, Surrogate(space, Region(0.0)))
    return Controller(store, settings, executor)


def grow(folder: Path, trials: int) -> list[dict[str, float]]:
    """Run trials; return per block the seconds of asking and committing per trial, and the resident bytes."""
    process, blocks = psutil.Process(), []
    with StudyStore.create(folder, "scale", Problem()) as store:
        controller = searching(store, Simulated(1, lambda _step: 0.0))
        while controller.finished < trials:
            before, finished = dict(controller.overhead_s), controller.finished
            controller.run(max_trials=min(finished + BLOCK, trials))
            ended = controller.finished - finished
            spent = {name: (controller.overhead_s[name] - before[name]) / ended for name in before}
            blocks.append({"trials": controller.finished, **spent, "memory_bytes": process.memory_info().rss})
            print({name: round(value, 4) for name, value in blocks[-1].items()}, flush=True)
    return blocks


def timed(folder: Path) -> dict[str, float]:
    """Return the seconds of commands on the grown study, the start of Python included, and of resuming it."""
    commands = {
        "show": ["show", "scale"],
        "show --json --all": ["show", "scale", "--json", "--all"],
        "plot": ["plot", "scale", "-o", str(folder / "scale.png")],
    }
    seconds = {}
    for name, command in commands.items():
        begin = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "autocompress", *command, "--studies-dir", str(folder)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        seconds[name] = round(time.perf_counter() - begin, 2)
    begin = time.perf_counter()
    with StudyStore.resume(folder, "scale") as store:
        controller = searching(store, Simulated(1, lambda _step: 0.0))
        controller.run(max_trials=controller.finished + 1)
    seconds["resume, to the next trial's end"] = round(time.perf_counter() - begin, 2)
    return seconds


def share_busy(folder: Path, workers: int, trials: int) -> float:
    """Return the share of the time that the builders are busy, between the first trials and the last."""
    rng = np.random.default_rng(0)
    executor = Simulated(workers, lambda s: float(rng.uniform(SHORTEST_S, LONGEST_S)) if s == BUILD else MEASURED_S)
    with StudyStore.create(folder, "busy", Problem()) as store:
        controller = searching(store, executor)
        controller.run(max_trials=workers)
        executor.busy_s, begin = 0.0, time.monotonic()
        controller.run(max_trials=trials)
        return executor.busy_s / (workers * (time.monotonic() - begin))


def plot(blocks: list[dict[str, float]]) -> Figure:
    """Plot milliseconds per trial, and memory, over the number of trials."""
    figure = Figure(figsize=(7.5, 5.5), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    trials = [block["trials"] for block in blocks]
    for name in ("ask", "commit"):
        upper.plot(trials, [1000 * block[name] for block in blocks], label=name)
    upper.set_ylabel("ms per trial")
    upper.set_ylim(bottom=0)
    upper.legend()
    lower.plot(trials, [block["memory_bytes"] / 1e6 for block in blocks])
    lower.set_ylabel("resident memory, MB")
    lower.set_ylim(bottom=0)
    lower.set_xlabel("trials in the study")
    return figure


def table(report: dict[str, Any]) -> str:
    """Format the report as Markdown."""
    lines = ["| trials | ask, ms | commit, ms | memory, MB |", "|---:|---:|---:|---:|"]
    step = max(len(report["blocks"]) // 8, 1)
    for block in report["blocks"][::step]:
        cells = (block["trials"], 1000 * block["ask"], 1000 * block["commit"], block["memory_bytes"] / 1e6)
        lines.append("| {} | {:.1f} | {:.1f} | {:.0f} |".format(*cells))
    lines += ["", "| command | seconds |", "|---|---:|"]
    lines += [f"| {name} | {seconds} |" for name, seconds in report["commands_s"].items()]
    return "\n".join([*lines, "", f"workers busy: {report['workers']['busy']:.1%} of the time"])


if __name__ == "__main__":
    main()
