"""Real but small parts for tests of the search: an evaluator of formulas and an executor in this process."""

import os
import signal
import time
from collections import deque
from dataclasses import dataclass

from autocompress.domain.figures import Figures, Latency, Quality
from autocompress.domain.problem import Constraints, Problem
from autocompress.domain.shape import EncoderShape
from autocompress.students.configuration import configuration_from_json
from autocompress.study.results import TrialResult
from autocompress.study.store import StudyStore
from autocompress.system.errors import AutocompressError, MeasurementError
from autocompress.trials.controller import Controller
from autocompress.trials.jobs import Finished, TrialRequest, run_job
from autocompress.trials.settings import SearchSettings, TimeLimits
from autocompress.trials.surrogate import Region, Surrogate
from objectives import DEFAULT, constraints_for
from search_spaces import SEARCH_SPACES

TINY = EncoderShape(2, 32, 2, 64, 100, 64, 2, 2, 32)
OBJECTIVES = DEFAULT
CONSTRAINTS = constraints_for(Problem(constraints=Constraints(max_latency_ms=1.0)), None)


class Crash(BaseException):
    """Stands for kill -9 at one place."""


def formula_figures(digest: str) -> Figures:
    """Figures that depend on nothing but the configuration's digest."""
    number = int(digest, 16)
    quality, latency, size = number % 997 / 997, 0.5 + number % 101 / 101, 1000 + number % 7919
    return Figures(
        validation=Quality("accuracy", quality, (quality, quality), 100),
        latency_ms=Latency(latency, latency, latency, (latency, latency), 100, 1.0),
        size_bytes=size,
        memory_bytes=10**6,
    )


@dataclass
class FormulaEvaluator:
    """Measures by formula; ``faults`` maps a trial's number to what goes wrong with it."""

    faults: dict[int, str]
    delay_s: float = 0.0

    def build(self, request: TrialRequest) -> None:
        time.sleep(self.delay_s)
        fault = self.faults.get(request.number, "")
        if fault == "exit" or (fault == "exit once" and request.attempt == 0):
            os._exit(7)
        if fault == "kill once" and request.attempt == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        if fault == "bug":
            raise ValueError("a bug")
        if fault == "crash":
            raise Crash
        if fault == "memory":
            raise MemoryError("too wide")
        if fault == "hang":
            time.sleep(60)
        if fault == "input":
            raise AutocompressError("stop here")

    def measure(self, request: TrialRequest) -> TrialResult:
        fault = self.faults.get(request.number, "")
        if fault == "diverged":
            raise MeasurementError("the file does not load")
        if fault == "crash in measure":
            raise Crash
        configuration = configuration_from_json(request.configuration)
        if fault == "reason":
            return TrialResult(request.number, request.attempt, configuration, None, reason="no figures")
        return TrialResult(request.number, request.attempt, configuration, formula_figures(request.digest))


class InlineExecutor:
    """Runs one job per wait in this process, in the order they came."""

    def __init__(self, evaluator: FormulaEvaluator, window: int = 2) -> None:
        self.builders = max(1, window - 1)
        self.window = window
        self.evaluator = evaluator
        self.jobs: deque[tuple[str, TrialRequest]] = deque()
        self.done: list[tuple[str, int]] = []

    def submit(self, step: str, request: TrialRequest) -> None:
        self.jobs.append((step, request))

    def wait(self, timeout_s: float) -> list[Finished]:
        if not self.jobs:
            return []
        step, request = self.jobs.popleft()
        self.done.append((step, request.number))
        try:
            return [Finished(request, step, result=run_job(self.evaluator, step, request))]
        except AutocompressError as error:
            return [Finished(request, step, error=error)]
        except Exception as error:
            return [Finished(request, step, fault=repr(error))]

    def cancel(self, number: int) -> None:
        self.jobs = deque(job for job in self.jobs if job[1].number != number)

    def close(self) -> None:
        self.jobs.clear()


class Lab:
    """One study in a temporary folder, opened again and again as by new processes."""

    def __init__(self, folder):
        self.folder = folder
        self.store = None
        self.executor = None
        self.events = []
        StudyStore.create(folder, "s", Problem()).close()

    def controller(self, faults=None, *, space="precision", sampler="tpe", seed=0, window=2, shape=TINY, **limits):
        self.close()
        self.store = StudyStore.resume(self.folder, "s")
        self.executor = InlineExecutor(FormulaEvaluator(faults or {}), window)
        self.events = []
        self.space = SEARCH_SPACES[space](shape)
        surrogate = Surrogate(self.space, Region(0.0)) if sampler == "surrogate" else None
        settings = SearchSettings(self.space, OBJECTIVES, CONSTRAINTS, sampler, seed, surrogate)
        return Controller(self.store, settings, self.executor, self.events.append, TimeLimits(**limits))

    def trials(self):
        return self.store.optuna_study([objective.direction for objective in OBJECTIVES]).get_trials(deepcopy=False)

    def close(self):
        if self.store is not None:
            self.store.close()
            self.store = None
