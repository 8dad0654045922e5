"""Measures the stock baselines of every study, by the same protocol over requests of the same texts as all trials."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path

from autocompress.domain.figures import Baseline, Figures
from autocompress.domain.problem import Target
from autocompress.measurement.process import Evaluation, Workload, measure_and_predict
from autocompress.measurement.protocol import LatencyProtocol
from autocompress.measurement.quality import quality_of
from autocompress.measurement.stock_models import FP32, INT8, PYTORCH, STUDENT_INT8, StockModels
from autocompress.measurement.worker_process import ONNX_WORKER, PYTORCH_WORKER, Worker
from autocompress.system.errors import MeasurementError
from autocompress.tasks.batching import Split
from autocompress.tasks.encoding import EncodedDataset

BASELINE_NAMES = (PYTORCH, FP32, INT8)
"""The baselines that are the teacher."""
SERVED = (INT8, STUDENT_INT8)
"""The baselines whose answer to a text depends on its request."""
RUNTIMES = (PYTORCH_WORKER, ONNX_WORKER)
TIMEOUT_S = 600.0
_SORTED_BATCH = 32


def measure_baselines(
    stock: StockModels,
    data: EncodedDataset,
    requests: Path,
    target: Target,
    protocol: LatencyProtocol | None = None,
    names: Collection[str] = BASELINE_NAMES,
) -> list[Baseline]:
    """Measure the baselines ``names``, all of one tokenizer, on the validation split, in the order of ``stock_paths``.

    The two ONNX files are timed interleaved in one fresh process, PyTorch in its own. A model whose file could not be
    built is left out. MeasurementError if a process fails.
    """
    baselines = []
    for worker, paths in stock_paths(stock).items():
        models = {name: path for name, path in paths.items() if name in names}
        if models:
            workload = Workload(models, requests, target.threads)
            baselines += _measure_runtime(workload, data, target, protocol, worker)
    return baselines


def _measure_runtime(
    workload: Workload, data: EncodedDataset, target: Target, protocol: LatencyProtocol | None, worker: str
) -> list[Baseline]:
    """Measure the baselines that one worker serves."""
    evaluations = [stock_evaluation(name, data.validation, target, data.pad_id) for name in workload.models]
    measured, outputs = measure_and_predict(workload, evaluations, protocol, Worker(worker, timeout_s=TIMEOUT_S))
    return [
        Baseline(
            name,
            Figures(
                validation=quality_of(data.task, rows, data.validation.labels),
                latency_ms=measured[name].latency,
                size_bytes=stock_bytes(path),
                memory_bytes=measured[name].memory_bytes,
            ),
        )
        for (name, path), rows in zip(workload.models.items(), outputs, strict=True)
    ]


def stock_bytes(path: Path) -> int:
    """Return the size of a stock model, a file or a checkpoint's folder, in bytes."""
    return checkpoint_bytes(path) if path.is_dir() else path.stat().st_size


def stock_paths(stock: StockModels) -> dict[str, dict[str, Path]]:
    """Return by worker the models that it serves, by name; files that could not be built are left out."""
    files: Mapping[str, Mapping[str, Path]] = {
        PYTORCH_WORKER: {PYTORCH: stock.teacher_folder},
        ONNX_WORKER: {FP32: stock.fp32, INT8: stock.int8}
        | ({} if stock.student is None else {STUDENT_INT8: stock.student.int8}),
    }
    built = {worker: {name: path for name, path in of.items() if path.exists()} for worker, of in files.items()}
    return {worker: paths for worker, paths in built.items() if paths}


def stock_evaluation(name: str, split: Split, target: Target, pad_id: int) -> Evaluation:
    """Return how a stock model predicts a split.

    Int8 runs at the batch size that will be served, for its dynamic activation scales span a request. An fp32 model
    gives the same output for a row in any request (masked padding changes the last bits only), so it runs in batches
    of similar length on all processors, which is several times faster.
    """
    if name in SERVED:
        return Evaluation(name, split, target.batch_size, pad_id, target.threads)
    return Evaluation(name, split, _SORTED_BATCH, pad_id, os.cpu_count() or 1, by_length=True)


def checkpoint_bytes(folder: Path) -> int:
    """Return the size of a checkpoint's weight files in bytes; MeasurementError if it has none."""
    files = sorted(folder.glob("model*.safetensors")) or sorted(folder.glob("pytorch_model*.bin"))
    if not files:
        raise MeasurementError(f"a checkpoint folder holds model.safetensors, but {folder} does not; save it again")
    return sum(file.stat().st_size for file in files)
