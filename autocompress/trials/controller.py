"""Run the trials of a study: ask, dispatch, commit. The controller alone writes the study.

It may be killed at any moment: a trial's result file is on disk before the trial is committed, and what is asked next
depends on the committed trials and the seed alone.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import optuna
from sqlalchemy.exc import SQLAlchemyError

from autocompress.students.configuration import Configuration
from autocompress.study.results import TrialResult
from autocompress.study.store import StudyStore
from autocompress.system.errors import MeasurementError, StorageError
from autocompress.trials.flights import ENDED, Flight, Flights, Step
from autocompress.trials.jobs import Executor, Finished
from autocompress.trials.ledger import OpenTrial
from autocompress.trials.proposer import Proposer
from autocompress.trials.rebuild import reopen
from autocompress.trials.recovery import recover
from autocompress.trials.settings import DEFAULT_LIMITS, SearchSettings, TimeLimits

LOST_IN_A_ROW = 3
"""The search ends once so many trials in a row were lost: the fault is the machine's."""
EventKind = Literal["started", "retried", "finished", "lost", "discarded"]


@dataclass(frozen=True)
class TrialEvent:
    """What happened to a trial.

    ``result`` is set when it finished or was lost; ``finished`` counts the finished trials of the study; ``message``
    says why it is retried or discarded.
    """

    kind: EventKind
    number: int
    configuration: Configuration
    finished: int
    result: TrialResult | None = None
    message: str = ""


class Controller:
    """Runs trials of one study until a count, a deadline or the end of the space.

    Trials are committed in the order of their numbers and asked for when the ``window`` of the executor has room, so
    that an interrupted and continued search asks for the same trials as an uninterrupted one. ``on_event`` is called
    after each change is on disk. ``overhead_s`` sums the seconds of asking and committing; ``notes`` name the files
    that were damaged and how the study was repaired.
    """

    def __init__(
        self,
        store: StudyStore,
        settings: SearchSettings,
        executor: Executor,
        on_event: Callable[[TrialEvent], None] = lambda _event: None,
        limits: TimeLimits = DEFAULT_LIMITS,
    ) -> None:
        self._store, self._executor, self._limits = store, executor, limits
        self._on_event = on_event
        reopened = reopen(store, settings.space, settings.objectives, settings.constraints)
        self._ledger, self.notes, self._again = reopened.ledger, reopened.notes, reopened.again
        self._proposer = Proposer(self._ledger, settings, self._duplicate)
        self._flights = Flights(store, executor, settings.seed)
        self._exhausted = False
        self._lost_in_a_row = 0
        self._recent_s: deque[float] = deque(maxlen=10)
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

        The configurations in ``enqueue`` are tried first, known ones skipped. Trials in flight are finished before this
        returns; those that still run ``overrun_s`` past the deadline are discarded, except that a study always gets its
        first trial. On Ctrl-C the jobs are ended and the study is left as after kill -9: ready to be resumed. Raises
        StorageError if the study cannot be written, MeasurementError if the machine loses trial after trial.
        """
        self._proposer.enqueue([*self._again, *enqueue])
        self._exhausted = False
        self._recent_s.clear()
        try:
            self._loop(max_trials, deadline)
        except (optuna.exceptions.StorageInternalError, SQLAlchemyError) as error:
            self._flights.cancel_all()
            raise StorageError(
                f"{self._store.folder / 'study.db'} must be writable, but a write failed: "
                f"{str(error.__cause__ or error).splitlines()[0]}; free some space, then resume"
            ) from error
        except BaseException:
            self._flights.cancel_all()
            raise

    def _loop(self, max_trials: int | None, deadline: float | None) -> None:
        last = time.monotonic()
        while True:
            self._fill(max_trials, deadline)
            self._flights.dispatch()
            first = next(iter(self._flights), None)
            if first is None:
                return
            if first.step in ENDED:
                self._commit(first)
                now = time.monotonic()
                self._recent_s.append(now - last)
                last = now
                continue
            for finished in self._executor.wait(self._patience_s(deadline)):
                self._absorb(finished)
            self._flights.end_hanging(self._limits.job_s)
            self._discard_overdue(deadline)

    def _fill(self, max_trials: int | None, deadline: float | None) -> None:
        """Ask for trials while there is room for them and time to finish them."""
        while self._may_ask(max_trials, deadline):
            start = time.perf_counter()
            trial = self._proposer.next()
            self.overhead_s["ask"] += time.perf_counter() - start
            if trial is None:
                self._exhausted = True
                return
            flight = self._flights.add(trial)
            self._flights.dispatch()
            self._event("started", flight)

    def _may_ask(self, max_trials: int | None, deadline: float | None) -> bool:
        in_flight = len(self._flights)
        if self._exhausted or not self._flights.has_room:
            return False
        if max_trials is not None and self._ledger.finished + in_flight >= max_trials:
            return False
        if deadline is None or (self._ledger.finished == 0 and in_flight == 0):
            return True
        mean_trial_s = sum(self._recent_s) / len(self._recent_s) if self._recent_s else 0.0
        return time.monotonic() + mean_trial_s * (in_flight + 1) <= deadline

    def _take_up(self, trial: OpenTrial) -> None:
        """Go on with a trial that a killed controller had asked for and not committed."""
        first = self._ledger.first(trial.digest)
        if first is not None and first != trial.number:
            self._duplicate(trial.number, first)
        else:
            self._flights.add(trial)

    def _absorb(self, finished: Finished) -> None:
        """Take in a job that ended: its trial is measured next, tried again, or at its end."""
        flight = self._flights.of(finished.request)
        if flight is None:
            return
        if finished.error is not None:
            raise finished.error
        if finished.fault is not None:
            if self._flights.retry(flight, finished.fault):
                self._event("retried", flight, finished.fault)
        elif finished.result is not None:
            flight.end(finished.result)
        else:
            flight.step = Step.BUILT
        self._flights.dispatch()

    def _commit(self, flight: Flight) -> None:
        """Tell the study a trial whose result file is on disk, and its duplicates."""
        assert flight.result is not None
        start = time.perf_counter()
        number, lost = flight.trial.number, flight.step is Step.LOST
        if lost:
            self._ledger.fail(number)
        else:
            self._ledger.commit(number, flight.result)
        for follower in flight.followers:
            self._ledger.commit_duplicate(follower, number)
        self._flights.remove(flight)
        self.overhead_s["commit"] += time.perf_counter() - start
        self._event("lost" if lost else "finished", flight)
        self._lost_in_a_row = self._lost_in_a_row + 1 if lost else 0
        if self._lost_in_a_row >= LOST_IN_A_ROW:
            raise MeasurementError(
                f"a worker must survive its trials, but {LOST_IN_A_ROW} trials in a row were lost "
                f"({flight.result.reason}); resume when that is mended"
            )

    def _duplicate(self, number: int, first: int) -> None:
        """Give trial ``number`` the values of trial ``first``, now or when that is committed."""
        original = self._flights.get(first)
        if original is not None:
            original.followers.append(number)
        else:
            self._ledger.commit_duplicate(number, first)

    def _patience_s(self, deadline: float | None) -> float:
        """Return how long to wait for a job at a time."""
        if deadline is None:
            return 1.0
        return min(1.0, max(0.05, deadline + self._limits.overrun_s - time.monotonic()))

    def _discard_overdue(self, deadline: float | None) -> None:
        """Give up the trials still in flight long after the deadline; their configurations may be asked for again."""
        overdue = deadline is not None and time.monotonic() > deadline + self._limits.overrun_s
        if not overdue or self._ledger.finished == 0:
            return
        for flight in self._flights:
            if flight.step in ENDED:
                continue
            self._flights.discard(flight)
            self._ledger.forget(flight.trial.number, flight.trial.digest)
            for follower in flight.followers:
                self._ledger.fail(follower)
            self._event("discarded", flight, "the time budget was used up")

    def _event(self, kind: EventKind, flight: Flight, message: str = "") -> None:
        trial = flight.trial
        self._on_event(
            TrialEvent(kind, trial.number, trial.configuration, self._ledger.finished, flight.result, message)
        )
