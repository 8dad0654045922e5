"""Times all models against one reference model, the anchor, and predicts the test split with each.

Models of one runtime are timed interleaved in one process. Different runtimes cannot share one process, so each process
also times the anchor (uniform int8 in ONNX Runtime), and the processes take turns: A B C A B C. A model's speed is the
anchor's mean latency over its own, both from the same process.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autocompress.domain.problem import Target
from autocompress.measurement.baselines import stock_evaluation
from autocompress.measurement.process import Evaluation, MeasuredLatency, Workload, measure_and_predict
from autocompress.measurement.stock_models import FP32, INT8, PYTORCH
from autocompress.measurement.worker_process import ONNX_WORKER, Specification, Worker, run_worker
from autocompress.study.prepared import REQUESTS, Prepared
from autocompress.system.errors import BrokenInstallationError, MeasurementError
from peers.environments import PeerError

ANCHOR = INT8
PASSES = 2
TIMEOUT_S = 1800.0
OTHER_WORKER = "peers.worker"
STOCK = (PYTORCH, FP32, INT8)


@dataclass(frozen=True)
class Runtime:
    """The worker module that runs a model, and its interpreter. Models with equal runtimes share a process."""

    name: str
    worker: str
    python: str


@dataclass(frozen=True)
class Model:
    """A model file to compare. ``kind`` is stock, peer or front."""

    name: str
    kind: str
    path: Path
    runtime: Runtime
    size_bytes: int
    note: str = ""


@dataclass(frozen=True)
class Timed:
    """One model's measurements, and per pass the anchor's mean in milliseconds in the same process."""

    passes: tuple[MeasuredLatency, ...]
    anchor_ms: tuple[float, ...]

    @property
    def samples_ms(self) -> NDArray[np.float64]:
        """Return all samples of all passes, in milliseconds."""
        return np.concatenate([one.timing.samples_ms for one in self.passes])

    @property
    def speeds(self) -> tuple[float, ...]:
        """Return per pass how many times as fast as the anchor the model is."""
        return tuple(anchor / one.latency.mean for anchor, one in zip(self.anchor_ms, self.passes, strict=True))

    @property
    def speed(self) -> float:
        """Return how many times as fast as the anchor the model is, over all passes."""
        return sum(self.anchor_ms) / sum(one.latency.mean for one in self.passes)

    @property
    def disturbed(self) -> bool:
        """Return whether another process disturbed any pass."""
        return any(one.latency.disturbed for one in self.passes)


@dataclass(frozen=True)
class Measured:
    """Timings and test outputs [n, num_outputs] by model name."""

    timings: dict[str, Timed]
    outputs: dict[str, NDArray[np.float32]]


def check_served(model: Model, prepared: Prepared, target: Target) -> None:
    """Run the model once on every request; PeerError if it fails."""
    requests = str(prepared.study_folder / "data" / REQUESTS)
    specification = Specification({model.name: str(model.path)}, target.threads, requests, latency=False)
    try:
        run_worker(specification, Worker(model.runtime.worker, model.runtime.python, TIMEOUT_S))
    except (MeasurementError, BrokenInstallationError) as error:
        raise PeerError(str(error)) from error


def measure_all(models: Sequence[Model], prepared: Prepared, target: Target) -> Measured:
    """Measure in every process in turn, ``PASSES`` times; the first pass predicts the test split."""
    anchor = next(model for model in models if model.name == ANCHOR)
    passes: dict[str, list[MeasuredLatency]] = {model.name: [] for model in models}
    anchors: dict[str, list[float]] = {model.name: [] for model in models}
    outputs: dict[str, NDArray[np.float32]] = {}
    for number in range(PASSES):
        for group in _groups(models):
            wishes = [_evaluation(model, prepared, target) for model in group] if number == 0 else []
            models_here = {model.name: model.path for model in _with(group, anchor)}
            workload = Workload(models_here, prepared.study_folder / "data" / REQUESTS, target.threads)
            worker = Worker(group[0].runtime.worker, group[0].runtime.python, TIMEOUT_S)
            measured, predicted = measure_and_predict(workload, wishes, worker=worker)
            outputs.update(zip((wish.model for wish in wishes), predicted, strict=True))
            for model in group:
                passes[model.name].append(measured[model.name])
                anchors[model.name].append(measured[ANCHOR].latency.mean)
    timings = {name: Timed(tuple(passes[name]), tuple(anchors[name])) for name in passes}
    return Measured(timings, outputs)


def stock_runtime(name: str, python: str) -> Runtime:
    """Return the runtime of a stock model: ONNX Runtime as in a study, or PyTorch beside the anchor."""
    worker = OTHER_WORKER if name == PYTORCH else ONNX_WORKER
    return Runtime(name if name == PYTORCH else "onnxruntime", worker, python)


def _evaluation(model: Model, prepared: Prepared, target: Target) -> Evaluation:
    """Return how to predict the test split: stock models as in a study, others at the served batch size."""
    data = prepared.data
    if model.name in STOCK:
        return stock_evaluation(model.name, data.test, target, data.pad_id)
    return Evaluation(model.name, data.test, target.batch_size, data.pad_id, target.threads)


def _groups(models: Iterable[Model]) -> list[list[Model]]:
    """Group the models by runtime, in the order in which the runtimes first appear."""
    groups: dict[Runtime, list[Model]] = {}
    for model in models:
        groups.setdefault(model.runtime, []).append(model)
    return list(groups.values())


def _with(group: Sequence[Model], anchor: Model) -> list[Model]:
    return [*group] if anchor in group else [anchor, *group]
