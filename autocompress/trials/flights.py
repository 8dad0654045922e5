"""Keep the trials between ask and commit, and run their two jobs, build and measure, on an executor.

Nothing here writes the database: the controller commits a trial once its result file is on disk.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from autocompress.students.configuration import configuration_to_json
from autocompress.study.results import TrialResult
from autocompress.study.store import StudyStore
from autocompress.trials.jobs import BUILD, MEASURE, Executor, TrialRequest, failed_result, is_lost, lost_result
from autocompress.trials.ledger import OpenTrial
from autocompress.trials.samplers import ask_seed

ATTEMPTS = 3
"""How often a trial is tried before it is given up as lost to faults of the machine."""


class Step(Enum):
    """How far a trial has come. DONE and LOST have a result on disk; LOST is the machine's fault."""

    WAITING = "waiting"
    BUILDING = "building"
    BUILT = "built"
    MEASURING = "measuring"
    DONE = "done"
    LOST = "lost"


RUNNING = (Step.BUILDING, Step.MEASURING)
ENDED = (Step.DONE, Step.LOST)


@dataclass
class Flight:
    """A trial between ask and commit.

    ``started`` is a ``time.monotonic`` reading of when its job began; ``followers`` are the numbers of trials with the
    same configuration, which take its values when it is committed.
    """

    trial: OpenTrial
    request: TrialRequest
    step: Step = Step.WAITING
    result: TrialResult | None = None
    started: float = 0.0
    followers: list[int] = field(default_factory=list)

    def end(self, result: TrialResult) -> None:
        """Take the result that ends the trial."""
        self.step, self.result = (Step.LOST if is_lost(result) else Step.DONE), result


class Flights:
    """The trials in flight, in the order of their numbers."""

    def __init__(self, store: StudyStore, executor: Executor, seed: int) -> None:
        self._store, self._executor, self._seed = store, executor, seed
        self._flights: dict[int, Flight] = {}

    def __len__(self) -> int:
        return len(self._flights)

    def __iter__(self) -> Iterator[Flight]:
        return iter(list(self._flights.values()))

    @property
    def has_room(self) -> bool:
        """Whether the executor can use one more trial."""
        return len(self._flights) < self._executor.window

    def get(self, number: int) -> Flight | None:
        """Return the flight of trial ``number``, if it is in flight."""
        return self._flights.get(number)

    def add(self, trial: OpenTrial) -> Flight:
        """Let a trial in; one that has its result already is at its end."""
        flight = self._flights[trial.number] = Flight(trial, self._request(trial, attempt=0))
        if trial.result is not None:
            flight.end(trial.result)
        return flight

    def remove(self, flight: Flight) -> None:
        """Let a trial out: it was committed or given up."""
        del self._flights[flight.trial.number]

    def dispatch(self) -> None:
        """Start jobs where there is room: measurements first, the trials with the lowest numbers first."""
        for job, before, during, limit in (
            (MEASURE, Step.BUILT, Step.MEASURING, 1),
            (BUILD, Step.WAITING, Step.BUILDING, self._executor.builders),
        ):
            free = limit - sum(flight.step is during for flight in self)
            for flight in [flight for flight in self if flight.step is before][: max(0, free)]:
                flight.step, flight.started = during, time.monotonic()
                self._executor.submit(job, flight.request)

    def of(self, request: TrialRequest) -> Flight | None:
        """Return the flight that a job was for; None if its trial has left, or is at a later attempt."""
        flight = self._flights.get(request.number)
        return flight if flight is not None and flight.request == request else None

    def retry(self, flight: Flight, fault: str) -> bool:
        """Have a trial tried again after a fault of the machine; False if it is lost, after ``ATTEMPTS`` attempts.

        The result of a lost trial is on disk when this returns.
        """
        attempt = flight.request.attempt + 1
        if attempt < ATTEMPTS:
            flight.request, flight.step = self._request(flight.trial, attempt), Step.WAITING
            return True
        self._end_on_disk(flight, lost_result(flight.request, f"{ATTEMPTS} attempts, last: {fault}"))
        return False

    def end_hanging(self, limit_s: float) -> None:
        """End the jobs that have run longer than ``limit_s``; the configuration is taken to be at fault."""
        now = time.monotonic()
        for flight in self:
            if flight.step in RUNNING and now - flight.started > limit_s:
                self._executor.cancel(flight.trial.number)
                self._end_on_disk(flight, failed_result(flight.request, f"ran longer than {limit_s:.0f} s"))

    def discard(self, flight: Flight) -> None:
        """End the job of a trial, if one runs, and let the trial out."""
        self._executor.cancel(flight.trial.number)
        self.remove(flight)

    def cancel_all(self) -> None:
        """End all jobs that run; their trials wait to be built again."""
        for flight in self:
            if flight.step in RUNNING:
                self._executor.cancel(flight.trial.number)
                flight.step = Step.WAITING

    def _end_on_disk(self, flight: Flight, result: TrialResult) -> None:
        flight.end(result)
        self._store.write_result(result)

    def _request(self, trial: OpenTrial, attempt: int) -> TrialRequest:
        return TrialRequest(
            number=trial.number,
            attempt=attempt,
            configuration=configuration_to_json(trial.configuration),
            digest=trial.digest,
            folder=str(self._store.make_trial_folder(trial.number)),
            seed=ask_seed(self._seed, trial.number),
        )
