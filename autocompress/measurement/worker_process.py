"""Starts a worker module in a process of its own, gives it a specification, and reads its answer."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from autocompress.measurement.protocol import LatencyProtocol
from autocompress.system.child_processes import (
    broken_installation,
    child_environment,
    last_line,
    module_command,
    refuse_import_error,
)
from autocompress.system.errors import MeasurementError
from autocompress.system.files import read_json, scratch, write_json

ONNX_WORKER = "autocompress.measurement.worker"
PYTORCH_WORKER = "autocompress.measurement.pytorch_worker"


@dataclass(frozen=True)
class Worker:
    """The module that runs in a fresh process, the Python interpreter that runs it, and after how long it is killed.

    ``python`` is another environment's interpreter for a runtime that is not installed in this one.
    """

    module: str = ONNX_WORKER
    python: str = sys.executable
    timeout_s: float = 300.0


@dataclass(frozen=True)
class Specification:
    """What a worker reads: models by name, and what to do with them in one process.

    With ``requests`` the models are served: timed by ``protocol`` if ``latency`` is true, with the samples written to
    ``samples``; else each request once, for the peak memory. A model that is named in ``own_requests`` serves those of
    that file instead. ``evaluations`` are predicted after the peak memory was read. ``known_fastest_s`` is the fastest
    speed probe of earlier processes.
    """

    models: dict[str, str]
    threads: int
    requests: str | None = None
    latency: bool = True
    protocol: LatencyProtocol = field(default_factory=LatencyProtocol)
    samples: str | None = None
    known_fastest_s: float | None = None
    evaluations: tuple[dict[str, Any], ...] = ()
    own_requests: dict[str, str] = field(default_factory=dict)


def run_worker(specification: Specification, worker: Worker) -> dict[str, Any]:
    """Run a worker on a specification and return its answer; MeasurementError says in one line what went wrong.

    BrokenInstallationError if it cannot import what it needs.
    """
    names = ", ".join(specification.models)
    with scratch() as folder:
        spec, out, log = (folder / name for name in ("spec.json", "out.json", "stderr"))
        write_json(spec, asdict(specification))
        options = ("--spec", str(spec), "--out", str(out), "--end-with-parent")
        command = module_command(worker.module, *options, python=worker.python)
        code = _run(command, log, worker.timeout_s, specification.threads, names)
        if code < 0:
            raise MeasurementError(
                f"the process that measures {names} must end by itself, but {signal.Signals(-code).name} ended it; "
                "free some memory or leave this model out"
            )
        answer: dict[str, Any] = read_json(out) if out.exists() else _without_answer(log)
    if answer.get("import_failed"):
        raise broken_installation(answer["error"])
    if code != 0 or "error" in answer:
        raise MeasurementError(
            f"{names} must be measurable, but {answer.get('error', f'the process gave code {code}')}"
        )
    return answer


def _run(command: list[str], log: Path, timeout_s: float, threads: int, names: str) -> int:
    quiet = {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=stream,
            env=child_environment(log.parent, **quiet),
            start_new_session=True,
        )
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired as error:
        raise MeasurementError(
            f"measuring {names} must end within {timeout_s:.0f} s, but it did not; give it more time or fewer requests"
        ) from error
    finally:
        process.kill()
        process.wait()
        if process.stdin is not None:
            process.stdin.close()


def _without_answer(log: Path) -> dict[str, str]:
    """Return the error of a process that wrote no answer: the last line that it printed."""
    said = last_line(log)
    refuse_import_error(said)
    return {"error": said or "its process ended without an answer"}
