"""The two jobs of a trial, what they take and give, and who runs them."""

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
    """The immutable input of a trial's jobs; ``configuration`` is its JSON form, ``folder`` where its files go."""

    number: int
    attempt: int
    configuration: dict[str, Any]
    digest: str
    folder: str
    seed: int


class Evaluator(Protocol):
    """Turns requests into measured files; it is pickled to the workers.

    The errors of ``CONFIGURATION_FAULTS`` say that the configuration is at fault: the trial is told as the worst and
    not repeated. Other errors of autocompress (a full disk), and an import that fails, end the search; anything else
    is taken for a fault of the machine, and the trial runs again, at most twice.
    """

    def build(self, request: TrialRequest) -> None:
        """Work that may run beside a measurement, on other cores; writes its files into the request's folder."""

    def measure(self, request: TrialRequest) -> TrialResult:
        """Work that nothing may disturb; a result whose ``reason`` is set says that the configuration failed."""


@dataclass(frozen=True)
class Finished:
    """The end of a job: a ``result``, or the ``fault`` of the machine, or the ``error`` that ends the search.

    A build that went well has none of them.
    """

    request: TrialRequest
    step: str
    result: TrialResult | None = None
    fault: str | None = None
    error: AutocompressError | None = None


class Executor(Protocol):
    """Runs jobs: up to ``builders`` builds at a time, and one measurement that no other disturbs.

    ``window`` is how many trials are in flight: twice the builders, for trials are committed in their order, and a slow
    one should not keep the others idle; 1 where a build would disturb a measurement.
    """

    @property
    def builders(self) -> int: ...

    @property
    def window(self) -> int: ...

    def submit(self, step: str, request: TrialRequest) -> None:
        """Start a job; the caller keeps to the limits."""

    def wait(self, timeout_s: float) -> list[Finished]:
        """The jobs that ended, as soon as there is one; none after ``timeout_s``."""

    def cancel(self, number: int) -> None:
        """End the job of trial ``number`` at once; nothing more is heard of it."""

    def close(self) -> None:
        """End all jobs and give back what was started."""


def run_job(evaluator: Evaluator, step: str, request: TrialRequest) -> TrialResult | None:
    """Run one job where it belongs; the result file is on disk before the result is returned.

    Returns None after a build that went well. Raises what is no fault of the configuration.
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
    """The result of a trial that has no figures."""
    return TrialResult(
        trial=request.number,
        attempt=request.attempt,
        configuration=configuration_from_json(request.configuration),
        figures=None,
        reason=" ".join(reason.split())[:500],
    )


def lost_result(request: TrialRequest, fault: str) -> TrialResult:
    """The result of a trial that the machine, not its configuration, made fail."""
    return failed_result(request, _LOST + fault)


def is_lost(result: TrialResult) -> bool:
    """Whether the machine was at fault."""
    return result.reason is not None and result.reason.startswith(_LOST)
