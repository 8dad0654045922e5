"""The controller: ask, dispatch, commit. It alone writes the study, and it may be killed at any moment."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import optuna
from sqlalchemy.exc import SQLAlchemyError

from autocompress.students.configuration import Configuration, configuration_to_json
from autocompress.study.results import TrialResult
from autocompress.study.store import StudyStore
from autocompress.system.errors import MeasurementError, StorageError
from autocompress.trials.jobs import (
    BUILD,
    MEASURE,
    Executor,
    Finished,
    TrialRequest,
    failed_result,
    is_lost,
    lost_result,
)
from autocompress.trials.ledger import OpenTrial
from autocompress.trials.proposer import Proposer
from autocompress.trials.rebuild import reopen
from autocompress.trials.recovery import recover
from autocompress.trials.samplers import ask_seed
from autocompress.trials.surrogate import Surrogate
from objectives.objective import Constraint, Objective
from search_spaces import SearchSpace

ATTEMPTS = 3
LOST_IN_A_ROW = 3
WAITING, BUILDING, BUILT, MEASURING, DONE, LOST = "waiting", "building", "built", "measuring", "done", "lost"


@dataclass(frozen=True)
class TrialEvent:
    """What happened to a trial: started, finished, duplicate, retried, lost or discarded.

    ``result`` is set when it finished or was lost, ``finished`` counts the finished trials of the study.
    """

    kind: str
    number: int
    configuration: Configuration
    finished: int
    result: TrialResult | None = None
    message: str = ""


@dataclass
class _Flight:
    """A trial between ask and commit."""

    trial: OpenTrial
    request: TrialRequest
    step: str = WAITING
    result: TrialResult | None = None
    started: float = 0.0
    followers: list[int] = field(default_factory=list)


class Controller:
    """Runs trials of one study until a count, a deadline or the end of the space.

    Trials are committed in the order of their numbers and asked for when the ``window`` of the executor has room, so
    that an interrupted and continued search asks for the same trials as one that was not interrupted. ``on_event`` is
    called after each change is on disk. ``overhead_s`` sums the seconds of asking and committing; ``notes`` say what
    was found damaged and set right.
    """

    def __init__(
        self,
        store: StudyStore,
        *,
        space: SearchSpace,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint],
        sampler: str,
        executor: Executor,
        seed: int,
        on_event: Callable[[TrialEvent], None] = lambda _event: None,
        surrogate: Surrogate | None = None,
        job_timeout_s: float = 300.0,
        overrun_s: float = 10.0,
    ) -> None:
        self._store = store
        self._executor = executor
        self._seed = seed
        self._on_event = on_event
        self._job_timeout_s = job_timeout_s
        self._overrun_s = overrun_s
        reopened = reopen(store, space, objectives, constraints)
        self._ledger, self.notes, self._again = reopened.ledger, reopened.notes, reopened.again
        self._proposer = Proposer(self._ledger, space, sampler, seed, self._duplicate, surrogate)
        self._flights: dict[int, _Flight] = {}
        self._exhausted = False
        self._lost_in_a_row = 0
        self._recent: deque[float] = deque(maxlen=10)
        self.overhead_s = {"ask": 0.0, "commit": 0.0}
        for trial in recover(store, self._ledger):
            self._take_up(trial)

    @property
    def finished(self) -> int:
        """Trials of the study that were measured or failed by their configuration; duplicates do not count."""
        return self._ledger.finished

    def run(
        self,
        max_trials: int | None = None,
        deadline: float | None = None,
        enqueue: Iterable[Configuration] = (),
    ) -> None:
        """Work until ``max_trials`` trials of the study are finished or ``time.monotonic()`` reaches ``deadline``.

        ``enqueue`` comes first, known configurations skipped. Trials in flight are finished first; those still
        running well past the deadline are given up, except that a study always gets its first trial. On Ctrl-C the
        jobs are ended and the study is left as after kill -9: ready to be resumed.
        """
        self._proposer.enqueue([*self._again, *enqueue])
        self._exhausted = False
        self._recent.clear()
        try:
            self._loop(max_trials, deadline)
        except (optuna.exceptions.StorageInternalError, SQLAlchemyError) as error:
            self._cancel_all()
            raise StorageError(
                f"{self._store.folder / 'study.db'} must be writable, but a write failed: "
                f"{str(error.__cause__ or error).splitlines()[0]}; free some space, then resume"
            ) from error
        except BaseException:
            self._cancel_all()
            raise

    def _loop(self, max_trials: int | None, deadline: float | None) -> None:
        last = time.monotonic()
        while True:
            self._fill(max_trials, deadline)
            self._dispatch()
            if not self._flights:
                return
            head = next(iter(self._flights.values()))
            if head.step in (DONE, LOST):
                self._commit(head)
                now = time.monotonic()
                self._recent.append(now - last)
                last = now
                continue
            for finished in self._executor.wait(self._patience(deadline)):
                self._absorb(finished)
            self._expire(deadline)

    def _fill(self, max_trials: int | None, deadline: float | None) -> None:
        while self._may_ask(max_trials, deadline):
            start = time.perf_counter()
            trial = self._proposer.next()
            self.overhead_s["ask"] += time.perf_counter() - start
            if trial is None:
                self._exhausted = True
                return
            self._flights[trial.number] = flight = self._flight(trial)
            self._dispatch()
            self._event("started", flight)

    def _may_ask(self, max_trials: int | None, deadline: float | None) -> bool:
        in_flight = len(self._flights)
        if self._exhausted or in_flight >= self._executor.window:
            return False
        if max_trials is not None and self._ledger.finished + in_flight >= max_trials:
            return False
        if deadline is None or (self._ledger.finished == 0 and in_flight == 0):
            return True
        pace = sum(self._recent) / len(self._recent) if self._recent else 0.0
        return time.monotonic() + pace * (in_flight + 1) <= deadline

    def _take_up(self, trial: OpenTrial) -> None:
        first = self._ledger.first(trial.digest)
        if first is not None and first != trial.number:
            self._duplicate(trial.number, first)
            return
        flight = self._flights[trial.number] = self._flight(trial)
        if trial.result is not None:
            flight.step, flight.result = (LOST if is_lost(trial.result) else DONE), trial.result

    def _flight(self, trial: OpenTrial, attempt: int = 0) -> _Flight:
        folder = self._store.make_trial_folder(trial.number)
        request = TrialRequest(
            number=trial.number,
            attempt=attempt,
            configuration=configuration_to_json(trial.configuration),
            digest=trial.digest,
            folder=str(folder),
            seed=ask_seed(self._seed, trial.number),
        )
        return _Flight(trial, request)

    def _dispatch(self) -> None:
        flights = list(self._flights.values())
        for step, before, during, limit in (
            (MEASURE, BUILT, MEASURING, 1),
            (BUILD, WAITING, BUILDING, self._executor.builders),
        ):
            free = limit - sum(flight.step == during for flight in flights)
            for flight in [flight for flight in flights if flight.step == before][: max(0, free)]:
                flight.step, flight.started = during, time.monotonic()
                self._executor.submit(step, flight.request)

    def _absorb(self, finished: Finished) -> None:
        flight = self._flights.get(finished.request.number)
        if flight is None or flight.request != finished.request:
            return
        if finished.error is not None:
            raise finished.error
        if finished.fault is not None:
            self._retry(flight, finished.fault)
        elif finished.result is not None:
            flight.step, flight.result = DONE, finished.result
        else:
            flight.step = BUILT
        self._dispatch()

    def _retry(self, flight: _Flight, fault: str) -> None:
        attempt = flight.request.attempt + 1
        if attempt < ATTEMPTS:
            flight.request = self._flight(flight.trial, attempt).request
            flight.step = WAITING
            self._event("retried", flight, message=fault)
            return
        flight.step, flight.result = LOST, lost_result(flight.request, f"{ATTEMPTS} attempts, last: {fault}")
        self._store.write_result(flight.result)

    def _commit(self, flight: _Flight) -> None:
        assert flight.result is not None
        start = time.perf_counter()
        number = flight.trial.number
        if flight.step == LOST:
            self._ledger.fail(number)
        else:
            self._ledger.commit(number, flight.result)
        for follower in flight.followers:
            self._ledger.commit_duplicate(follower, number)
        del self._flights[number]
        self.overhead_s["commit"] += time.perf_counter() - start
        self._event("lost" if flight.step == LOST else "finished", flight)
        self._lost_in_a_row = self._lost_in_a_row + 1 if flight.step == LOST else 0
        if self._lost_in_a_row >= LOST_IN_A_ROW:
            raise MeasurementError(
                f"a worker must survive its trials, but {LOST_IN_A_ROW} trials in a row were lost "
                f"({flight.result.reason}); resume when that is mended"
            )

    def _duplicate(self, number: int, first: int) -> None:
        original = self._flights.get(first)
        if original is not None:
            original.followers.append(number)
        else:
            self._ledger.commit_duplicate(number, first)

    def _patience(self, deadline: float | None) -> float:
        return 1.0 if deadline is None else min(1.0, max(0.05, deadline + self._overrun_s - time.monotonic()))

    def _expire(self, deadline: float | None) -> None:
        """End jobs that hang, and give up what is in flight long after the deadline."""
        now = time.monotonic()
        for flight in list(self._flights.values()):
            if flight.step in (BUILDING, MEASURING) and now - flight.started > self._job_timeout_s:
                self._executor.cancel(flight.trial.number)
                flight.step = DONE
                flight.result = failed_result(flight.request, f"ran longer than {self._job_timeout_s:.0f} s")
                self._store.write_result(flight.result)
        if deadline is None or now <= deadline + self._overrun_s or self._ledger.finished == 0:
            return
        for flight in [flight for flight in self._flights.values() if flight.step not in (DONE, LOST)]:
            self._discard(flight)

    def _discard(self, flight: _Flight) -> None:
        number = flight.trial.number
        self._executor.cancel(number)
        del self._flights[number]
        self._ledger.forget(number, flight.trial.digest)
        for follower in flight.followers:
            self._ledger.fail(follower)
        self._event("discarded", flight, message="the time budget was used up")

    def _cancel_all(self) -> None:
        for flight in self._flights.values():
            if flight.step in (BUILDING, MEASURING):
                self._executor.cancel(flight.trial.number)
                flight.step = WAITING

    def _event(self, kind: str, flight: _Flight, message: str = "") -> None:
        event = TrialEvent(
            kind, flight.trial.number, flight.trial.configuration, self._ledger.finished, flight.result, message
        )
        self._on_event(event)
