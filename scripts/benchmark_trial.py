"""Report the seconds per trial by step, and the controller's overhead, of a finished study.

    python scripts/benchmark_trial.py STUDY [--studies-dir studies]

Reads the result files that the trials wrote. Then replays the controller alone, which asks for and commits the same
number of trials on the same search space with an evaluator that takes no time. Its seconds are the overhead.
"""

import argparse
import json
import tempfile
import time
from collections import deque
from pathlib import Path

import numpy as np

from autocompress.study.prepared import Prepared
from autocompress.study.results import TrialResult
from autocompress.study.store import StudyStore
from autocompress.trials.controller import Controller
from autocompress.trials.jobs import Finished, TrialRequest, run_job
from autocompress.trials.settings import SearchSettings
from objectives import DEFAULT
from search_spaces import SEARCH_SPACES

STEPS = ("cut", "compile", "quality", "latency")


class Instant:
    """Evaluates any configuration immediately with the figures of a recorded trial."""

    def __init__(self, recorded: list[TrialResult]) -> None:
        self._recorded = recorded

    def build(self, request: TrialRequest) -> None:
        """Do nothing."""

    def measure(self, request: TrialRequest) -> TrialResult:
        """Return the recorded figures in turn, with the requested configuration."""
        from autocompress.students.configuration import configuration_from_json

        figures = self._recorded[request.number % len(self._recorded)].figures
        return TrialResult(request.number, request.attempt, configuration_from_json(request.configuration), figures)


class InProcess:
    """Runs jobs in this process, one at a time."""

    builders, window = 1, 2

    def __init__(self, evaluator: Instant) -> None:
        self._evaluator, self._done = evaluator, deque[Finished]()

    def submit(self, step: str, request: TrialRequest) -> None:
        self._done.append(Finished(request, step, run_job(self._evaluator, step, request)))

    def wait(self, timeout_s: float) -> list[Finished]:
        return [self._done.popleft()] if self._done else []

    def cancel(self, number: int) -> None:
        """Nothing runs."""

    def close(self) -> None:
        """Nothing was started."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study")
    parser.add_argument("--studies-dir", type=Path, default=Path("studies"))
    arguments = parser.parse_args()
    store = StudyStore.read(arguments.studies_dir, arguments.study)
    results = [result for result in store.results() if result.figures is not None]
    table = {step: np.array([result.seconds[step] for result in results]) for step in STEPS}
    table["whole trial"] = np.sum([table[step] for step in STEPS], axis=0)
    print(f"{len(results)} trials of study {store.name}; seconds")
    print(f"{'step':12} {'median':>8} {'mean':>8} {'p95':>8}")
    for step, values in table.items():
        print(f"{step:12} {np.median(values):8.3f} {values.mean():8.3f} {np.quantile(values, 0.95):8.3f}")
    overhead = replay(store, results)
    work = float(table["whole trial"].mean())
    print(f"controller: {overhead:.3f} s per trial, {100 * overhead / work:.1f}% of a trial's own work")
    print(json.dumps({"phases_used_s": store.progress().used_s}))


def replay(store: StudyStore, results: list[TrialResult]) -> float:
    """Return the seconds per trial of a controller whose trials take no time."""
    prepared = Prepared(store.folder)
    space = SEARCH_SPACES[store.problem.space](
        prepared.teacher_shape, prepared.data.task.definition.exits_early, prepared.data.task.pair
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        StudyStore.create(Path(folder), "replay", store.problem) as fresh,
    ):
        settings = SearchSettings(space, DEFAULT, [], store.problem.sampler, store.problem.seed)
        controller = Controller(fresh, settings, InProcess(Instant(results)))
        begin = time.perf_counter()
        controller.run(len(results), enqueue=space.initial_designs())
        return (time.perf_counter() - begin) / len(results)


if __name__ == "__main__":
    main()
