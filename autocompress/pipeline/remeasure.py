"""Measures finalists and baselines together once more, and leaves out files that fail."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autocompress.evaluation.trial import TrialEvaluator
from autocompress.measurement.baselines import BASELINE_NAMES, stock_evaluation, stock_paths
from autocompress.measurement.process import (
    PREDICTION_TIMEOUT_S,
    Evaluation,
    MeasuredLatency,
    Workload,
    measure_and_predict,
    predict_in_fresh_process,
)
from autocompress.measurement.protocol import LatencyProtocol
from autocompress.measurement.stock_models import STUDENT_INT8, StockModels
from autocompress.measurement.worker_process import ONNX_WORKER, Worker
from autocompress.study.prepared import Prepared
from autocompress.system.attempts import ENDING, reason_of
from autocompress.system.errors import MeasurementError
from autocompress.system.events import Event, Listener

CHECKED_ROWS, TIMEOUT_S = 16, 1200.0


@dataclass(frozen=True)
class Remeasured:
    """Latencies by model, and the outputs [n, num_outputs] on the test split of those that predicted it."""

    latencies: dict[str, MeasuredLatency] = field(default_factory=dict)
    outputs: dict[str, NDArray[np.float32]] = field(default_factory=dict)


@dataclass(frozen=True)
class Remeasurer:
    """Times all ONNX files interleaved in fresh processes and PyTorch in its own; each predicts the test split once.

    ``known_memory`` is peak memory in bytes by model, which is not measured again; ``tested`` are the models whose
    quality on the test split is known. ``listener`` is told which file fails and why.
    """

    evaluator: TrialEvaluator
    stock: StockModels
    known_memory: Mapping[str, int]
    tested: Collection[str]
    listener: Listener

    def measure(self, files: Mapping[str, Path], protocol: LatencyProtocol, planned_s: float) -> Remeasured:
        """Measure the baselines and the finalists' ``files``, by name; those that fail are missing in the result.

        Each runtime has an equal part of ``planned_s``, and begins no further process that would end after it.
        """
        measured, end = Remeasured(), time.monotonic() + planned_s
        stock = stock_paths(self.stock)
        runtimes = {**stock, ONNX_WORKER: {**stock.get(ONNX_WORKER, {}), **files}}
        for number, (worker, models) in enumerate(runtimes.items()):
            now = time.monotonic()
            deadline = now + (end - now) / (len(runtimes) - number)
            if models:
                found = self._measure_those_that_work(models, worker, protocol, deadline)
                measured.latencies.update(found.latencies)
                measured.outputs.update(found.outputs)
        return measured

    def _measure_those_that_work(
        self, models: Mapping[str, Path], worker: str, protocol: LatencyProtocol, deadline: float
    ) -> Remeasured:
        """Measure the models of one runtime together; if that fails, only those that work by themselves."""
        try:
            return self._measure_together(models, worker, protocol, deadline)
        except ENDING:
            raise
        except Exception as error:
            working = self._working(models, worker) if len(models) > 1 else {}
            lost = [name for name in models if name not in working]
            self._tell_lost(", ".join(lost) or worker, error)
        if not working:
            return Remeasured()
        try:
            return self._measure_together(working, worker, protocol, deadline)
        except MeasurementError as error:
            self._tell_lost(", ".join(working), error)
            return Remeasured()

    def _measure_together(
        self, models: Mapping[str, Path], worker: str, protocol: LatencyProtocol, deadline: float
    ) -> Remeasured:
        known_memory = {name: memory for name, memory in self.known_memory.items() if name in models}
        requests = {name: self._read_by(name).requests for name in models}
        usual = self.evaluator.prepared.requests
        own = {name: path for name, path in requests.items() if path != usual}
        workload = Workload(models, usual, self.evaluator.target.threads, known_memory, own)
        evaluations = [self._test_evaluation(name) for name in models if name not in self.tested]
        process = Worker(worker, timeout_s=TIMEOUT_S)
        latencies, outputs = measure_and_predict(workload, evaluations, protocol, process, deadline)
        names = (evaluation.model for evaluation in evaluations)
        return Remeasured(latencies, dict(zip(names, outputs, strict=True)))

    def _test_evaluation(self, name: str) -> Evaluation:
        data, target = self._read_by(name).data, self.evaluator.target
        if name in (*BASELINE_NAMES, STUDENT_INT8):
            return stock_evaluation(name, data.test, target, data.pad_id)
        return Evaluation(name, data.test, target.batch_size, data.pad_id, target.threads)

    def _read_by(self, name: str) -> Prepared:
        """Return whose data and requests a model reads: a baseline of a large teacher has that teacher's tokenizer."""
        prepared = self.evaluator.prepared
        return prepared.labeller if name in BASELINE_NAMES else prepared

    def _working(self, models: Mapping[str, Path], worker: str) -> dict[str, Path]:
        """Return those models that predict a few texts, each in a process of its own."""
        target, working = self.evaluator.target, {}
        for name, path in models.items():
            data = self._read_by(name).data
            some = data.validation.subset(np.arange(min(CHECKED_ROWS, len(data.validation))))
            evaluation = Evaluation(name, some, target.batch_size, data.pad_id)
            try:
                predict_in_fresh_process({name: path}, [evaluation], Worker(worker, timeout_s=PREDICTION_TIMEOUT_S))
            except MeasurementError:
                continue
            working[name] = path
        return working

    def _tell_lost(self, names: str, error: Exception) -> None:
        self.listener(Event("note", f"{names} cannot be measured again: {reason_of(error)}"))
