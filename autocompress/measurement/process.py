"""Measuring in a fresh process, so that neither this process's memory nor its threads are part of the figures."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autocompress.domain.figures import Latency
from autocompress.domain.problem import Target
from autocompress.measurement.protocol import LatencyProtocol
from autocompress.measurement.requests import write_split
from autocompress.measurement.timing import Timing, joined
from autocompress.system.child_processes import (
    broken_installation,
    child_environment,
    last_line,
    module_command,
    refuse_import_error,
)
from autocompress.system.errors import MeasurementError
from autocompress.system.files import read_json, scratch, write_json
from autocompress.tasks.batching import Split

ONNX_WORKER = "autocompress.measurement.worker"
PYTORCH_WORKER = "autocompress.measurement.pytorch_worker"
SAMPLES_SHARE = 0.001
_probes_s: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=50))
"""Fastest seconds of the speed probe in the last processes, by interpreter: one may meet nothing but a slow core."""


@dataclass(frozen=True)
class MeasuredLatency:
    """One model's latency, the peak memory of a process that serves it, and the latency's raw timing."""

    latency: Latency
    memory_bytes: int
    timing: Timing = field(repr=False, compare=False)


@dataclass(frozen=True)
class Evaluation:
    """A wish for the outputs of one model on a split; see ``inference.predict`` for the settings."""

    model: str
    split: Split
    batch_size: int
    pad_id: int
    threads: int = 1
    by_length: bool = False


@dataclass(frozen=True)
class Specification:
    """What a worker reads: models by name, and what to do with them in one process.

    With ``requests`` the models are served (timed if ``latency``, else each request once, for the peak memory);
    ``evaluations`` are carried out after the peak memory was read. ``known_s`` is the fastest probe of others.
    """

    models: dict[str, str]
    threads: int
    requests: str | None = None
    latency: bool = True
    protocol: LatencyProtocol = field(default_factory=LatencyProtocol)
    affinity: list[int] | None = None
    samples: str | None = None
    known_s: float | None = None
    evaluations: tuple[dict[str, Any], ...] = ()


def measure_in_fresh_process(
    models: Mapping[str, Path],
    requests: Path,
    target: Target,
    protocol: LatencyProtocol | None = None,
    *,
    affinity: Sequence[int] | None = None,
    timeout_s: float = 300.0,
    worker: str = ONNX_WORKER,
    known_memory: Mapping[str, int] | None = None,
) -> dict[str, MeasuredLatency]:
    """Latency and peak memory of files by name, over the requests that ``write_requests`` wrote.

    One model has processes of its own; several are timed interleaved, in as many processes as the protocol says. Their
    memory, like that of one model whose samples are many, is read in one more process each. MeasurementError where a
    process fails, dies or takes longer than ``timeout_s``, which kills it.
    """
    return measure_and_predict(
        models,
        requests,
        target,
        protocol,
        evaluations=(),
        affinity=affinity,
        timeout_s=timeout_s,
        worker=worker,
        known_memory=known_memory,
    )[0]


def measure_and_predict(
    models: Mapping[str, Path],
    requests: Path,
    target: Target,
    protocol: LatencyProtocol | None = None,
    *,
    evaluations: Sequence[Evaluation],
    affinity: Sequence[int] | None = None,
    timeout_s: float = 300.0,
    worker: str = ONNX_WORKER,
    python: str = sys.executable,
    deadline: float = math.inf,
    known_memory: Mapping[str, int] | None = None,
) -> tuple[dict[str, MeasuredLatency], list[NDArray[np.float32]]]:
    """``measure_in_fresh_process`` and then the outputs of the evaluations, in the same process.

    ``python`` is the interpreter that runs the worker: another environment's, for a runtime that is not in this one.
    After the first process none is begun that would end after ``deadline``, a moment of ``time.monotonic``. The memory
    of models in ``known_memory`` is taken from there.
    """
    run = partial(run_worker, timeout_s=timeout_s, worker=worker, python=python)
    with scratch() as folder:
        specification = Specification(
            models={name: str(path) for name, path in models.items()},
            threads=target.threads,
            requests=str(requests),
            protocol=protocol or LatencyProtocol(),
            affinity=None if affinity is None else sorted(affinity),
            samples=str(folder / "samples.npz"),
            evaluations=_write_evaluations(evaluations, folder),
        )
        timed = [_timed(specification, run, _probes_s[python])]
        outputs, again = _read_outputs(specification), replace(specification, evaluations=())
        memory = {**dict.fromkeys(models, timed[0].memory_bytes), **(known_memory or {})}
        samples_bytes = sum(timing.samples_ms.nbytes for timing in timed[0].timings.values())
        if len(models) > 1 or samples_bytes > SAMPLES_SHARE * timed[0].memory_bytes:
            for name in set(models) - set(known_memory or ()):
                alone = replace(again, models={name: specification.models[name]}, latency=False, samples=None)
                memory[name] = int(run(alone)["memory_bytes"])
        while len(timed) < specification.protocol.processes and time.monotonic() + timed[-1].seconds <= deadline:
            timed.append(_timed(again, run, _probes_s[python]))
    timings = {name: joined([one.timings[name] for one in timed]) for name in models}
    measured = {name: MeasuredLatency(timing.latency(), memory[name], timing) for name, timing in timings.items()}
    return measured, outputs


@dataclass(frozen=True)
class _Timed:
    """One process's timings by name, its peak memory, and the seconds that it took without its evaluations."""

    timings: dict[str, Timing]
    memory_bytes: int
    seconds: float


def _timed(
    specification: Specification, run: Callable[[Specification], dict[str, Any]], probes_s: deque[float]
) -> _Timed:
    begun = time.monotonic()
    answer = run(replace(specification, known_s=min(probes_s, default=None)))
    probes_s.append(answer["seen_s"])
    assert specification.samples is not None
    with np.load(specification.samples, allow_pickle=False) as file:
        told = {name: {**answer["models"][name], "samples_ms": file[name]} for name in specification.models}
    timings = {name: Timing(**{**of, "rounds_ms": np.array(of["rounds_ms"], np.float64)}) for name, of in told.items()}
    return _Timed(timings, int(answer["memory_bytes"]), time.monotonic() - begun - answer["evaluated_s"])


def predict_in_fresh_process(
    models: Mapping[str, Path],
    evaluations: Sequence[Evaluation],
    timeout_s: float = 600.0,
    *,
    worker: str = ONNX_WORKER,
) -> list[NDArray[np.float32]]:
    """Outputs [n, num_outputs] of each evaluation, in order; MeasurementError as in ``measure_in_fresh_process``."""
    with scratch() as folder:
        paths = {name: str(path) for name, path in models.items()}
        specification = Specification(paths, 1, evaluations=_write_evaluations(evaluations, folder))
        run_worker(specification, timeout_s, worker=worker)
        return _read_outputs(specification)


def _write_evaluations(evaluations: Sequence[Evaluation], folder: Path) -> tuple[dict[str, Any], ...]:
    """Their JSON form; splits go to files in ``folder``, where the outputs will be too."""
    wishes = []
    for number, evaluation in enumerate(evaluations):
        split = folder / f"split{number}.npz"
        write_split(split, evaluation.split)
        settings = {f.name: getattr(evaluation, f.name) for f in fields(evaluation) if f.name != "split"}
        wishes.append({**settings, "split": str(split), "outputs": str(folder / f"outputs{number}.npy")})
    return tuple(wishes)


def _read_outputs(specification: Specification) -> list[NDArray[np.float32]]:
    return [np.load(wish["outputs"], allow_pickle=False) for wish in specification.evaluations]


def run_worker(
    specification: Specification, timeout_s: float, *, worker: str = ONNX_WORKER, python: str = sys.executable
) -> dict[str, Any]:
    """Run a worker module on a specification and read its answer; MeasurementError says in one line what went wrong.

    BrokenInstallationError where it cannot import what it needs.
    """
    names = ", ".join(specification.models)
    with scratch() as folder:
        spec, out, log = (folder / name for name in ("spec.json", "out.json", "stderr"))
        write_json(spec, asdict(specification))
        options = ("--spec", str(spec), "--out", str(out), "--end-with-parent")
        command = module_command(worker, *options, python=python)
        code = _run(command, log, timeout_s, specification.threads, names)
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
    said = last_line(log)
    refuse_import_error(said)
    return {"error": said or "its process ended without an answer"}
