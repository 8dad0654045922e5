"""Verify: finalists and baselines measured again, alone on the machine, and once on the test split."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autocompress.domain.figures import Baseline, Figures, Quality
from autocompress.evaluation.trial import TrialEvaluator
from autocompress.hardware.fingerprint import fingerprint_digest, hardware_fingerprint
from autocompress.measurement.baselines import RUNTIMES, stock_bytes, stock_evaluation, stock_paths
from autocompress.measurement.process import (
    ONNX_WORKER,
    Evaluation,
    MeasuredLatency,
    measure_and_predict,
    predict_in_fresh_process,
)
from autocompress.measurement.protocol import SPAN_S, LatencyProtocol
from autocompress.measurement.requests import REQUEST_COUNT
from autocompress.measurement.statistics import quality_of
from autocompress.measurement.stock_models import FP32, INT8, PYTORCH, StockModels
from autocompress.study.results import TrialResult
from autocompress.study.shipped import MODEL
from autocompress.system.attempts import ENDING, reason_of
from autocompress.system.errors import MeasurementError
from autocompress.system.events import Event, Listener

TIMEOUT_S, LOADING_S, WHOLE_FILES, CHECKED_ROWS = 1200.0, 1.5, 2, 16
PYTORCH_SLOWER = 2.0
"""How much slower than its fp32 file the checkpoint is taken to be in PyTorch before it was measured."""


@dataclass(frozen=True)
class Verification:
    """The last figures: each finalist's that could be measured, and the baselines' from the same run."""

    results: list[TrialResult]
    baselines: list[Baseline]


@dataclass(frozen=True)
class _Measured:
    latencies: dict[str, MeasuredLatency] = field(default_factory=dict)
    outputs: dict[str, NDArray[np.float32]] = field(default_factory=dict)


Run = Callable[[Mapping[str, Path]], _Measured]


@dataclass(frozen=True)
class Verifier:
    """Times all ONNX files interleaved in fresh processes, PyTorch in its own, and predicts the test split once each.

    ``known`` are the baselines' figures so far. A file that fails is told and left out. What serving a file takes of
    memory was measured before, and is not measured again.
    """

    evaluator: TrialEvaluator
    stock: StockModels
    known: Sequence[Baseline]
    listener: Listener
    memory: dict[str, int] = field(default_factory=dict)

    def verify(self, finalists: Sequence[TrialResult], folders: Mapping[int, Path], planned_s: float) -> Verification:
        """Figures that constraints are held against.

        ``folders`` holds, by trial, the folder of the file that would ship. Each runtime has an equal part of
        ``planned_s``, and begins no further process that would end after it.
        """
        files = {_name(result): folders[result.trial] / MODEL for result in finalists}
        self.memory.update({_name(one): one.figures.memory_bytes for one in finalists if one.figures})
        self.memory.update({one.name: one.figures.memory_bytes for one in self.known})
        protocol = fitting(self.evaluator, self.known, finalists, planned_s)
        measured = self._measure(files, protocol, planned_s)
        fingerprint = fingerprint_digest(hardware_fingerprint(self.evaluator.target.threads))
        results = []
        for result in finalists:
            figures = self._final(measured, _name(result), result.figures)
            if figures is not None:
                results.append(replace(result, figures=figures, stage="verify", fingerprint=fingerprint))
        return Verification(results, self._baselines(measured))

    def _baselines(self, measured: _Measured) -> list[Baseline]:
        """The baselines as they are measured now; one that cannot be measured again keeps its earlier figures."""
        known = {baseline.name: baseline.figures for baseline in self.known}
        found = []
        for paths in stock_paths(self.stock).values():
            for name, path in paths.items():
                figures = known.get(name) or self._unmeasured(measured, name, path)
                final = self._final(measured, name, figures) or known.get(name)
                if final is not None:
                    found.append(Baseline(name, final))
        return found

    def _unmeasured(self, measured: _Measured, name: str, path: Path) -> Figures | None:
        """First figures of PyTorch, whose outputs on the validation split are the teacher's."""
        if name != PYTORCH or name not in measured.latencies:
            return None
        data, latency = self.evaluator.prepared.data, measured.latencies[name]
        validation = quality_of(data.task, self.evaluator.prepared.validation_outputs, data.validation.labels)
        return Figures(validation, latency.latency, stock_bytes(path), latency.memory_bytes)

    def _final(self, measured: _Measured, name: str, figures: Figures | None) -> Figures | None:
        """Figures with what is measured now; None, and told, where that is not possible."""
        if figures is None or name not in measured.latencies:
            return None
        latency = measured.latencies[name]
        try:
            test = self._test_quality(measured, name, figures)
        except MeasurementError as error:
            self.listener(Event("note", f"{name} is left out of the verified: {reason_of(error)}"))
            return None
        return replace(figures, latency_ms=latency.latency, memory_bytes=latency.memory_bytes, test=test)

    def _test_quality(self, measured: _Measured, name: str, figures: Figures) -> Quality | None:
        if name not in measured.outputs:
            return figures.test
        data = self.evaluator.prepared.data
        return quality_of(data.task, measured.outputs[name], data.test.labels)

    def _measure(self, files: Mapping[str, Path], protocol: LatencyProtocol, planned_s: float) -> _Measured:
        """Latencies of all, and test outputs of the files and of the baselines that have not seen the test split."""
        measured, end = _Measured(), time.monotonic() + planned_s
        paths = stock_paths(self.stock)
        paths.setdefault(ONNX_WORKER, {})
        for number, (worker, stock_files) in enumerate(paths.items()):
            now = time.monotonic()
            models = {**stock_files, **(files if worker == ONNX_WORKER else {})}
            run = partial(
                self._run, protocol=protocol, worker=worker, deadline=now + (end - now) / (len(paths) - number)
            )
            if models:
                self._add(measured, run, models, worker)
        return measured

    def _add(self, measured: _Measured, run: Run, models: dict[str, Path], worker: str) -> None:
        """Measure the models of one runtime; if that fails, those of them that work by themselves."""
        try:
            found = run(models)
        except ENDING:
            raise
        except Exception as error:
            left = self._working(models, worker) if len(models) > 1 else {}
            lost = ", ".join(name for name in models if name not in left)
            self.listener(Event("note", f"{lost or worker} cannot be measured again: {reason_of(error)}"))
            if not left:
                return
            try:
                found = run(left)
            except MeasurementError as again:
                self.listener(Event("note", f"{', '.join(left)} cannot be measured again: {reason_of(again)}"))
                return
        measured.latencies.update(found.latencies)
        measured.outputs.update(found.outputs)

    def _working(self, models: Mapping[str, Path], worker: str) -> dict[str, Path]:
        """Those models that answer some texts in a process of their own."""
        data, target = self.evaluator.prepared.data, self.evaluator.target
        some, working = data.validation.subset(np.arange(min(CHECKED_ROWS, len(data.validation)))), {}
        for name, path in models.items():
            try:
                predict_in_fresh_process(
                    {name: path}, [Evaluation(name, some, target.batch_size, data.pad_id)], worker=worker
                )
            except MeasurementError:
                continue
            working[name] = path
        return working

    def _run(self, models: Mapping[str, Path], protocol: LatencyProtocol, worker: str, deadline: float) -> _Measured:
        data, target = self.evaluator.prepared.data, self.evaluator.target
        tested = {baseline.name for baseline in self.known if baseline.figures.test is not None}
        stock = {name for paths in stock_paths(self.stock).values() for name in paths}
        wishes = [
            stock_evaluation(name, data.test, target, data.pad_id)
            if name in stock
            else Evaluation(name, data.test, target.batch_size, data.pad_id, target.threads)
            for name in models
            if name not in tested
        ]
        latencies, outputs = measure_and_predict(
            models,
            self.evaluator.requests,
            target,
            protocol,
            evaluations=wishes,
            timeout_s=TIMEOUT_S,
            worker=worker,
            deadline=deadline,
            known_memory={name: memory for name, memory in self.memory.items() if name in models},
        )
        return _Measured(latencies, dict(zip((wish.model for wish in wishes), outputs, strict=True)))


def _name(result: TrialResult) -> str:
    return f"trial-{result.trial}"


def least_s(evaluator: TrialEvaluator, baselines: Sequence[Baseline], whole: Sequence[TrialResult]) -> float:
    """Seconds that ``verify`` takes with one process for the files and half of one for PyTorch, before any finalists.

    These are taken to need as long as ``WHOLE_FILES`` of the ``whole`` files.
    """
    return _besides_s(evaluator, baselines, [*whole] * WHOLE_FILES) + 1.5 * SPAN_S


def fitting(
    evaluator: TrialEvaluator, baselines: Sequence[Baseline], finalists: Sequence[TrialResult], planned_s: float
) -> LatencyProtocol:
    """Timing in as many processes as ``planned_s`` has room for, besides what else ``verify`` takes."""
    means_ms = [*_means_ms(baselines).values(), *(one.figures.latency_ms.mean for one in finalists if one.figures)]
    cycle_s = REQUEST_COUNT * sum(means_ms) / 1000
    left_s = planned_s - _besides_s(evaluator, baselines, finalists)
    return evaluator.protocol.spread(left_s / len(RUNTIMES), cycle_s)


def _means_ms(baselines: Sequence[Baseline]) -> dict[str, float]:
    """Mean latency by baseline, with a guess of PyTorch's before that was measured."""
    known = {baseline.name: baseline.figures.latency_ms.mean for baseline in baselines}
    return {PYTORCH: PYTORCH_SLOWER * known[FP32], **known} if FP32 in known else known


def _besides_s(evaluator: TrialEvaluator, baselines: Sequence[Baseline], finalists: Sequence[TrialResult]) -> float:
    """Seconds that ``verify`` takes besides timing: processes load, and the test split is predicted.

    What runs in fp32 predicts on all processors; baselines that have seen the test split do not see it again.
    """
    tested, stock = {b.name for b in baselines if b.figures.test is not None}, _means_ms(baselines)
    cores = os.cpu_count() or 1
    means_ms = [mean / (1 if name == INT8 else cores) for name, mean in stock.items() if name not in tested]
    means_ms += [one.figures.latency_ms.mean for one in finalists if one.figures]
    requests = len(evaluator.prepared.data.test.labels) / evaluator.target.batch_size
    return LOADING_S * (len(stock) + len(finalists)) + sum(means_ms) * requests / 1000
