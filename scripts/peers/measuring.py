"""Timing all models against one anchor, whatever runtime they need, and reading their test outputs.

Models of one runtime are timed interleaved in one process. Different runtimes cannot share a process with all others,
so each process also times the anchor, and the processes take turns: A B C A B C. A model's speed is the anchor's mean
over its own, both from the same process.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autocompress.domain.problem import Target
from autocompress.measurement.baselines import stock_evaluation
from autocompress.measurement.process import (
    ONNX_WORKER,
    Evaluation,
    MeasuredLatency,
    Specification,
    measure_and_predict,
    run_worker,
)
from autocompress.measurement.stock_models import FP32, INT8, PYTORCH
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
    """What runs a model: the worker module and the interpreter it runs in. Equal runtimes share a process."""

    name: str
    worker: str
    python: str


@dataclass(frozen=True)
class Model:
    """A file to compare. ``kind`` is stock, peer or front."""

    name: str
    kind: str
    path: Path
    runtime: Runtime
    size_bytes: int
    note: str = ""


@dataclass(frozen=True)
class Timed:
    """One model's passes, and the anchor's mean in milliseconds in the same process, pass by pass."""

    passes: tuple[MeasuredLatency, ...]
    anchor_ms: tuple[float, ...]

    @property
    def samples_ms(self) -> NDArray[np.float64]:
        """All samples of all passes."""
        return np.concatenate([one.timing.samples_ms for one in self.passes])

    @property
    def speeds(self) -> tuple[float, ...]:
        """Times as fast as the anchor, pass by pass."""
        return tuple(anchor / one.latency.mean for anchor, one in zip(self.anchor_ms, self.passes, strict=True))

    @property
    def speed(self) -> float:
        """Times as fast as the anchor, over all passes."""
        return sum(self.anchor_ms) / sum(one.latency.mean for one in self.passes)

    @property
    def disturbed(self) -> bool:
        """Whether another process disturbed any pass."""
        return any(one.latency.disturbed for one in self.passes)


@dataclass(frozen=True)
class Measured:
    """Timings and test outputs [n, num_outputs] by model name."""

    timings: dict[str, Timed]
    outputs: dict[str, NDArray[np.float32]]


def check_served(model: Model, prepared: Prepared, target: Target) -> None:
    """Serve every request once; PeerError if the model cannot."""
    requests = str(prepared.study_folder / "data" / REQUESTS)
    specification = Specification({model.name: str(model.path)}, target.threads, requests, latency=False)
    try:
        run_worker(specification, TIMEOUT_S, worker=model.runtime.worker, python=model.runtime.python)
    except (MeasurementError, BrokenInstallationError) as error:
        raise PeerError(str(error)) from error


def measure_all(models: Sequence[Model], prepared: Prepared, target: Target) -> Measured:
    """Every process in turn, ``PASSES`` times; the test split is predicted in the first pass."""
    anchor = next(model for model in models if model.name == ANCHOR)
    passes: dict[str, list[MeasuredLatency]] = {model.name: [] for model in models}
    anchors: dict[str, list[float]] = {model.name: [] for model in models}
    outputs: dict[str, NDArray[np.float32]] = {}
    for number in range(PASSES):
        for group in _groups(models):
            wishes = [_evaluation(model, prepared, target) for model in group] if number == 0 else []
            measured, predicted = measure_and_predict(
                {model.name: model.path for model in _with(group, anchor)},
                prepared.study_folder / "data" / REQUESTS,
                target,
                evaluations=wishes,
                timeout_s=TIMEOUT_S,
                worker=group[0].runtime.worker,
                python=group[0].runtime.python,
            )
            outputs.update(zip((wish.model for wish in wishes), predicted, strict=True))
            for model in group:
                passes[model.name].append(measured[model.name])
                anchors[model.name].append(measured[ANCHOR].latency.mean)
    timings = {name: Timed(tuple(passes[name]), tuple(anchors[name])) for name in passes}
    return Measured(timings, outputs)


def stock_runtime(name: str, python: str) -> Runtime:
    """ONNX Runtime's files run as they do in a study; the checkpoint beside the anchor."""
    worker = OTHER_WORKER if name == PYTORCH else ONNX_WORKER
    return Runtime(name if name == PYTORCH else "onnxruntime", worker, python)


def _evaluation(model: Model, prepared: Prepared, target: Target) -> Evaluation:
    """Stock models as in a study; all others at the batch size that will be served."""
    data = prepared.data
    if model.name in STOCK:
        return stock_evaluation(model.name, data.test, target, data.pad_id)
    return Evaluation(model.name, data.test, target.batch_size, data.pad_id, target.threads)


def _groups(models: Iterable[Model]) -> list[list[Model]]:
    """Models by runtime, in the order in which the runtimes first come."""
    groups: dict[Runtime, list[Model]] = {}
    for model in models:
        groups.setdefault(model.runtime, []).append(model)
    return list(groups.values())


def _with(group: Sequence[Model], anchor: Model) -> list[Model]:
    return [*group] if anchor in group else [anchor, *group]
