"""Define the two jobs of a trial (build, measure), their input and output, and the executors that run them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from autocompress.students.configuration import configuration_from_json
from autocompress.study.results import TrialResult
from autocompress.system.child_processes import broken_installation
from autocompress.system.errors import AutocompressError, InputError, MeasurementError, StudyError
from autocompress.system.files import write_sealed

CONFIGURATION_FAULTS = (MeasurementError, InputError, StudyError, MemoryError, FloatingPointError)
_LOST = "lost: "
RESULT = "result.json"
BUILD, MEASURE = "build", "measure"


@dataclass(frozen=True)
class TrialRequest:
    """The input of a trial's jobs.

    ``configuration`` is in its JSON form and ``digest`` its digest; ``folder`` is where the trial's files go;
    ``attempt`` counts from 0.
    """

    number: int
    attempt: int
    configuration: dict[str, Any]
    digest: str
    folder: str
    seed: int


class Evaluator(Protocol):
    """Compiles and measures configurations; it is pickled and sent to the workers.

    Errors in ``CONFIGURATION_FAULTS`` mean that the configuration is at fault: the trial gets the worst values and is
    not repeated. Other errors of autocompress (a full disk), and an import that fails, end the search. Any other
    exception counts as a fault of the machine, and the trial is tried again, at most twice.
    """

    def build(self, request: TrialRequest) -> None:
        """Do the work that may run beside a measurement, on other cores; write its files to the request's folder."""

    def measure(self, request: TrialRequest) -> TrialResult:
        """Do the work that nothing may disturb; a result with a ``reason`` says that the configuration failed."""


@dataclass(frozen=True)
class Finished:
    """A job that ended: with a ``result``, a ``fault`` of the machine, or an ``error`` that ends the search.

    A build that succeeded has none of them.
    """

    request: TrialRequest
    step: str
    result: TrialResult | None = None
    fault: str | None = None
    error: AutocompressError | None = None


class Executor(Protocol):
    """Runs jobs: up to ``builders`` builds at a time, and one measurement that no other job disturbs.

    ``window`` is how many trials may be in flight: twice the builders, because trials are committed in order and a slow
    one should not keep the others idle; 1 where a build would disturb a measurement.
    """

    @property
    def builders(self) -> int: ...

    @property
    def window(self) -> int: ...

    def submit(self, step: str, request: TrialRequest) -> None:
        """Start a job; the caller keeps to ``builders`` builds and one measurement at a time."""

    def wait(self, timeout_s: float) -> list[Finished]:
        """Return the jobs that ended as soon as there is one; none after ``timeout_s`` seconds."""

    def cancel(self, number: int) -> None:
        """End the job of trial ``number`` at once; ``wait`` will not return it."""

    def close(self) -> None:
        """End all jobs, and the processes that were started for them."""


def run_job(evaluator: Evaluator, step: str, request: TrialRequest) -> TrialResult | None:
    """Run one job in this process; its result file is on disk before the result is returned.

    Returns None after a build that succeeded. Raises BrokenInstallationError for an import that fails, and any
    exception outside ``CONFIGURATION_FAULTS``.
    """
    try:
        if step == BUILD:
            evaluator.build(request)
            return None
        result = evaluator.measure(request)
    except ImportError as error:
        raise broken_installation(error) from error
    except CONFIGURATION_FAULTS as error:
        result = failed_result(request, f"{type(error).__name__}: {error}")
    write_sealed(Path(request.folder) / RESULT, result.to_json())
    return result


def failed_result(request: TrialRequest, reason: str) -> TrialResult:
    """Return the result of a trial that has no figures."""
    return TrialResult(
        trial=request.number,
        attempt=request.attempt,
        configuration=configuration_from_json(request.configuration),
        figures=None,
        reason=" ".join(reason.split())[:500],
    )


def lost_result(request: TrialRequest, fault: str) -> TrialResult:
    """Return the result of a trial that failed by a fault of the machine, not of its configuration."""
    return failed_result(request, _LOST + fault)


def is_lost(result: TrialResult) -> bool:
    """Return whether the machine was at fault."""
    return result.reason is not None and result.reason.startswith(_LOST)
