"""Runs searches on the prepared weights of a finished study, for the scripts that compare searches.

The hypervolume is that of quality (in points) and of the natural logarithms of latency and size. Its reference point is
uniform int8 as measured in the study, at 6 points below the teacher's validation quality.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from autocompress.domain.figures import Figures
from autocompress.evaluation.trial import TrialEvaluator
from autocompress.preparation.surrogate import surrogate_of
from autocompress.study.prepared import Prepared
from autocompress.study.store import StudyStore
from autocompress.trials.controller import Controller, TrialEvent
from autocompress.trials.pareto import hypervolume
from autocompress.trials.ray_cluster import Resources
from autocompress.trials.ray_host import HostedRay
from autocompress.trials.samplers import SURROGATE
from autocompress.trials.settings import SearchSettings
from objectives import DEFAULT, constraints_for
from search_spaces import SEARCH_SPACES, SearchSpace

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
        first = store.results()[0].figures
        assert first is not None
        floor = self.prepared.teacher_quality - BELOW_TEACHER
        self.reference = (100 * floor, float(np.log(first.latency_ms.mean)), float(np.log(first.size_bytes)))
        self.shown = {"quality": floor, "latency_ms": first.latency_ms.mean, "size_bytes": first.size_bytes}

    def joint_space(self) -> SearchSpace:
        """Return the joint space of the study's teacher and task, with the dimensions as they are declared now."""
        task = self.prepared.data.task
        return SEARCH_SPACES["joint"](self.prepared.teacher_shape, task.definition.exits_early, task.pair)

    def run(self, sampler: str, seed: int, seconds: float, space: SearchSpace | None = None) -> Run:
        """Search ``space`` (the joint space, if None) for ``seconds`` in a temporary study."""
        space = self.joint_space() if space is None else space
        problem = replace(self.store.problem, sampler=sampler, seed=seed, space="joint")
        surrogate = surrogate_of(problem, self.prepared, space) if sampler == SURROGATE else None
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
        settings = SearchSettings(space, DEFAULT, constraints, sampler, seed, surrogate)
        with tempfile.TemporaryDirectory(dir=self.store.folder.parent) as folder:
            store = StudyStore.create(Path(folder), "run", problem)
            with HostedRay(evaluator, resources) as host, host.pinned() as executor:
                controller = Controller(store, settings, executor, on_event)
                controller.run(max_trials=1, enqueue=space.initial_designs()[:1])
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


def interleaved(names: Sequence[str], seeds: Iterable[int]) -> Iterator[tuple[int, str]]:
    """Yield every pair (seed, name): those of one seed follow each other, and which name is first changes.

    >>> list(interleaved(("a", "b"), (0, 1)))
    [(0, 'a'), (0, 'b'), (1, 'b'), (1, 'a')]
    """
    for first, seed in enumerate(seeds):
        for place in range(len(names)):
            yield seed, names[(place + first) % len(names)]


def told(name: str, run: Run) -> str:
    """Return one line about a run that has ended."""
    return f"seed {run.seed} {name}: {len(run.seconds)} trials, hypervolume {run.at(np.inf):.2f}"
