"""The three stock baselines of every study, measured by the same protocol over the same requests as all trials."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from autocompress.domain.figures import Baseline, Figures, Quality
from autocompress.domain.problem import Target
from autocompress.measurement.process import (
    ONNX_WORKER,
    PYTORCH_WORKER,
    Evaluation,
    MeasuredLatency,
    measure_and_predict,
)
from autocompress.measurement.protocol import LatencyProtocol
from autocompress.measurement.statistics import quality_of
from autocompress.measurement.stock_models import FP32, INT8, PYTORCH, StockModels, build_baselines
from autocompress.system.errors import MeasurementError
from autocompress.tasks.batching import Split
from autocompress.tasks.task import Task

__all__ = [
    "BASELINES",
    "RUNTIMES",
    "LabelledSplit",
    "StockModels",
    "build_baselines",
    "checkpoint_bytes",
    "measure_baselines",
    "stock_bytes",
    "stock_evaluation",
    "stock_paths",
]

BASELINES = (PYTORCH, FP32, INT8)
RUNTIMES = (PYTORCH_WORKER, ONNX_WORKER)
_SORTED_BATCH = 32


class LabelledSplit(Split, Protocol):
    """An encoded split with its labels."""

    @property
    def labels(self) -> NDArray[Any]:
        """Class indices or numbers [n]."""


def measure_baselines(
    stock: StockModels,
    task: Task,
    validation: LabelledSplit,
    requests: Path,
    target: Target,
    *,
    pad_id: int,
    protocol: LatencyProtocol | None = None,
    affinity: Sequence[int] | None = None,
    timeout_s: float = 600.0,
    workers: Sequence[str] = RUNTIMES,
) -> list[Baseline]:
    """Those baselines that ``workers`` serve, in the order of ``BASELINES``; the test split is not looked at.

    The two ONNX files are timed interleaved in one fresh process, PyTorch in its own.
    """
    measured: dict[str, MeasuredLatency] = {}
    qualities: dict[str, Quality] = {}
    served = {worker: paths for worker, paths in stock_paths(stock).items() if worker in workers}
    for worker, paths in served.items():
        wishes = [stock_evaluation(name, validation, target, pad_id) for name in paths]
        latencies, outputs = measure_and_predict(
            paths,
            requests,
            target,
            protocol,
            evaluations=wishes,
            affinity=affinity,
            timeout_s=timeout_s,
            worker=worker,
        )
        measured |= latencies
        for name, rows in zip(paths, outputs, strict=True):
            qualities[name] = quality_of(task, rows, validation.labels)
    return [
        Baseline(
            name,
            Figures(
                validation=qualities[name],
                latency_ms=measured[name].latency,
                size_bytes=stock_bytes(path),
                memory_bytes=measured[name].memory_bytes,
            ),
        )
        for paths in served.values()
        for name, path in paths.items()
    ]


def stock_bytes(path: Path) -> int:
    """Size of a stock model, a file or a checkpoint's folder."""
    return checkpoint_bytes(path) if path.is_dir() else path.stat().st_size


def stock_paths(stock: StockModels) -> dict[str, dict[str, Path]]:
    """What each worker serves, by name; files that could not be built are left out."""
    files = {PYTORCH_WORKER: {PYTORCH: stock.teacher_folder}, ONNX_WORKER: {FP32: stock.fp32, INT8: stock.int8}}
    built = {worker: {name: path for name, path in of.items() if path.exists()} for worker, of in files.items()}
    return {worker: paths for worker, paths in built.items() if paths}


def stock_evaluation(name: str, split: Split, target: Target, pad_id: int) -> Evaluation:
    """How a stock model predicts a split.

    Int8 runs at the batch size that will be served, for its dynamic activation scales span a request.

    The fp32 models give the same answers in any company (masked padding changes the last bits only), so they run in
    batches of similar length on all processors, which is several times faster.
    """
    if name == INT8:
        return Evaluation(name, split, target.batch_size, pad_id, target.threads)
    return Evaluation(name, split, _SORTED_BATCH, pad_id, os.cpu_count() or 1, by_length=True)


def checkpoint_bytes(folder: Path) -> int:
    """Size of a checkpoint's weight files; MeasurementError if it has none."""
    files = sorted(folder.glob("model*.safetensors")) or sorted(folder.glob("pytorch_model*.bin"))
    if not files:
        raise MeasurementError(f"a checkpoint folder holds model.safetensors, but {folder} does not; save it again")
    return sum(file.stat().st_size for file in files)
