"""Measures models in fresh processes, so that neither this process's memory nor its threads change the figures."""

from __future__ import annotations

import math
import time
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autocompress.domain.figures import Latency
from autocompress.measurement.protocol import LatencyProtocol
from autocompress.measurement.requests import write_split
from autocompress.measurement.timing import Timing, merge_timings
from autocompress.measurement.worker_process import Specification, Worker, run_worker
from autocompress.system.files import scratch
from autocompress.tasks.batching import Split

SAMPLES_SHARE = 0.001
"""Samples that need more than this share of a process's peak memory may not count as the model's memory."""
PREDICTION_TIMEOUT_S = 600.0
_fastest_probes_s: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=50))
"""Fastest speed probe of each of the last processes, by interpreter: one process may meet nothing but a slow core."""


@dataclass(frozen=True)
class Workload:
    """Models by name that serve the requests of a file (``write_requests``), with so many threads.

    ``known_memory`` holds peak memory in bytes that was measured before, by model; it is not measured again.
    ``own_requests`` are the files of models with another tokenizer, which hold as many requests of the same texts.
    """

    models: Mapping[str, Path]
    requests: Path
    threads: int = 1
    known_memory: Mapping[str, int] = field(default_factory=dict)
    own_requests: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class MeasuredLatency:
    """One model's latency, the peak memory of a process that serves it, and the latency's raw timing."""

    latency: Latency
    memory_bytes: int
    timing: Timing = field(repr=False, compare=False)


@dataclass(frozen=True)
class Evaluation:
    """A split that a model, given by name, is to predict; ``inference.predict`` explains the settings."""

    model: str
    split: Split
    batch_size: int
    pad_id: int
    threads: int = 1
    by_length: bool = False


def measure_in_fresh_process(
    workload: Workload, protocol: LatencyProtocol | None = None, worker: Worker | None = None
) -> dict[str, MeasuredLatency]:
    """Measure latency and peak memory of each model.

    One model has a process of its own; several are timed interleaved in one. The protocol says in how many processes
    that is repeated. The memory of each of several models, and of one whose samples are many, is read in a further
    process. MeasurementError if a process fails, dies or is killed after ``worker.timeout_s``.
    """
    return measure_and_predict(workload, (), protocol, worker)[0]


def measure_and_predict(
    workload: Workload,
    evaluations: Sequence[Evaluation],
    protocol: LatencyProtocol | None = None,
    worker: Worker | None = None,
    deadline: float = math.inf,
) -> tuple[dict[str, MeasuredLatency], list[NDArray[np.float32]]]:
    """Measure as ``measure_in_fresh_process`` does, and predict the evaluations in the same process.

    Returns the measured models by name, and the outputs [n, num_outputs] of each evaluation, in order. After the
    first process none begins that would end after ``deadline``, a moment of ``time.monotonic``.
    """
    protocol, worker = protocol or LatencyProtocol(), worker or Worker()
    with scratch() as folder:
        specification = Specification(
            models={name: str(path) for name, path in workload.models.items()},
            threads=workload.threads,
            requests=str(workload.requests),
            own_requests={name: str(path) for name, path in workload.own_requests.items()},
            protocol=protocol,
            samples=str(folder / "samples.npz"),
            evaluations=_write_evaluations(evaluations, folder),
        )
        runs = [_time_once(specification, worker)]
        outputs, timing_only = _read_outputs(specification), replace(specification, evaluations=())
        memory = _peak_memory(workload, runs[0], timing_only, worker)
        while len(runs) < protocol.processes and time.monotonic() + runs[-1].seconds <= deadline:
            runs.append(_time_once(timing_only, worker))
    timings = {name: merge_timings([run.timings[name] for run in runs]) for name in workload.models}
    measured = {name: MeasuredLatency(timing.latency(), memory[name], timing) for name, timing in timings.items()}
    return measured, outputs


def predict_in_fresh_process(
    models: Mapping[str, Path], evaluations: Sequence[Evaluation], worker: Worker | None = None
) -> list[NDArray[np.float32]]:
    """Return the outputs [n, num_outputs] of each evaluation, in order.

    MeasurementError as in ``measure_in_fresh_process``.
    """
    with scratch() as folder:
        paths = {name: str(path) for name, path in models.items()}
        specification = Specification(paths, 1, evaluations=_write_evaluations(evaluations, folder))
        run_worker(specification, worker or Worker(timeout_s=PREDICTION_TIMEOUT_S))
        return _read_outputs(specification)


@dataclass(frozen=True)
class _TimedProcess:
    """One process's timings by model, its peak memory, and the seconds that it took without its evaluations."""

    timings: dict[str, Timing]
    memory_bytes: int
    seconds: float


def _time_once(specification: Specification, worker: Worker) -> _TimedProcess:
    """Time all models in one process, which is told the fastest speed probe of those before it."""
    begun, probes_s = time.monotonic(), _fastest_probes_s[worker.python]
    answer = run_worker(replace(specification, known_fastest_s=min(probes_s, default=None)), worker)
    probes_s.append(answer["fastest_probe_s"])
    assert specification.samples is not None
    with np.load(specification.samples, allow_pickle=False) as file:
        told = {name: {**answer["models"][name], "samples_ms": file[name]} for name in specification.models}
    timings = {name: Timing(**{**of, "rounds_ms": np.array(of["rounds_ms"], np.float64)}) for name, of in told.items()}
    return _TimedProcess(timings, int(answer["memory_bytes"]), time.monotonic() - begun - answer["evaluated_s"])


def _peak_memory(
    workload: Workload, timed: _TimedProcess, specification: Specification, worker: Worker
) -> dict[str, int]:
    """Bytes by model: known ones, that of the timed process, or of a further one where that held more than one model.

    Many samples in the timed process's memory are a reason for a further one too.
    """
    models = workload.models
    memory = {**dict.fromkeys(models, timed.memory_bytes), **workload.known_memory}
    samples_bytes = sum(timing.samples_ms.nbytes for timing in timed.timings.values())
    if len(models) > 1 or samples_bytes > SAMPLES_SHARE * timed.memory_bytes:
        for name in [name for name in models if name not in workload.known_memory]:
            alone = replace(specification, models={name: str(models[name])}, latency=False, samples=None)
            memory[name] = int(run_worker(alone, worker)["memory_bytes"])
    return memory


def _write_evaluations(evaluations: Sequence[Evaluation], folder: Path) -> tuple[dict[str, Any], ...]:
    """Write the splits to ``folder`` and return the evaluations' JSON form; the outputs will be in ``folder`` too."""
    written = []
    for number, evaluation in enumerate(evaluations):
        split = folder / f"split{number}.npz"
        write_split(split, evaluation.split)
        settings = {f.name: getattr(evaluation, f.name) for f in fields(evaluation) if f.name != "split"}
        written.append({**settings, "split": str(split), "outputs": str(folder / f"outputs{number}.npy")})
    return tuple(written)


def _read_outputs(specification: Specification) -> list[NDArray[np.float32]]:
    return [np.load(written["outputs"], allow_pickle=False) for written in specification.evaluations]
