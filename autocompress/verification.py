"""Verify: finalists and baselines measured again, alone on the machine, and once on the test split."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autocompress.figures import Baseline, Figures, TrialResult
from autocompress.measurement.baselines import RUNTIMES, stock_evaluation, stock_paths
from autocompress.measurement.export_stock import INT8, StockModels
from autocompress.measurement.fingerprint import fingerprint_digest, hardware_fingerprint
from autocompress.measurement.process import ONNX_WORKER, Evaluation, MeasuredLatency, measure_and_predict
from autocompress.measurement.protocol import SPAN_S, LatencyProtocol
from autocompress.measurement.requests import REQUEST_COUNT
from autocompress.measurement.statistics import quality_of
from autocompress.trial import MODEL, TrialEvaluator

TIMEOUT_S, LOADING_S, WHOLE_FILES = 1200.0, 1.5, 3


@dataclass(frozen=True)
class Verification:
    """The last figures: each finalist's, and the baselines' from the same run."""

    results: list[TrialResult]
    baselines: list[Baseline]


@dataclass(frozen=True)
class _Measured:
    latencies: dict[str, MeasuredLatency]
    outputs: dict[str, NDArray[np.float32]]


def verify(
    evaluator: TrialEvaluator,
    finalists: Sequence[TrialResult],
    folders: Mapping[int, Path],
    baselines: Sequence[Baseline],
    stock: StockModels,
    planned_s: float,
) -> Verification:
    """Time all ONNX files interleaved in fresh processes, PyTorch in its own, and predict the test split once each.

    ``folders`` holds, by trial, the folder of the file that would ship. A constraint is held against these
    figures. Each runtime has an equal part of ``planned_s``, and begins no further process that would end after it.
    """
    files = {f"trial-{result.trial}": folders[result.trial] / MODEL for result in finalists}
    protocol = fitting(evaluator, baselines, finalists, planned_s)
    measured = _measure(evaluator, files, baselines, stock, protocol, planned_s)
    task, labels = evaluator.prepared.data.task, evaluator.prepared.data.test.labels

    def final(name: str, figures: Figures | None) -> Figures:
        assert figures is not None
        latency = measured.latencies[name]
        test = quality_of(task, measured.outputs[name], labels) if name in measured.outputs else figures.test
        return replace(figures, latency_ms=latency.latency, memory_bytes=latency.memory_bytes, test=test)

    fingerprint = fingerprint_digest(hardware_fingerprint(evaluator.target.threads))
    results = [
        replace(r, figures=final(f"trial-{r.trial}", r.figures), stage="verify", fingerprint=fingerprint)
        for r in finalists
    ]
    return Verification(results, [Baseline(b.name, final(b.name, b.figures)) for b in baselines])


def least_s(evaluator: TrialEvaluator, baselines: Sequence[Baseline], whole: Sequence[TrialResult]) -> float:
    """Seconds that ``verify`` takes with one process per runtime, before there are finalists.

    They are taken to need as long as a few of the ``whole`` files.
    """
    return _besides_s(evaluator, baselines, [*whole] * WHOLE_FILES) + len(RUNTIMES) * SPAN_S


def fitting(
    evaluator: TrialEvaluator, baselines: Sequence[Baseline], finalists: Sequence[TrialResult], planned_s: float
) -> LatencyProtocol:
    """Timing in as many processes as ``planned_s`` has room for, besides what else ``verify`` takes."""
    figures = [baseline.figures for baseline in baselines] + [one.figures for one in finalists if one.figures]
    cycle_s = REQUEST_COUNT * sum(one.latency_ms.mean for one in figures) / 1000
    left_s = planned_s - _besides_s(evaluator, baselines, finalists)
    return evaluator.protocol.spread(left_s / len(RUNTIMES), cycle_s)


def _besides_s(evaluator: TrialEvaluator, baselines: Sequence[Baseline], finalists: Sequence[TrialResult]) -> float:
    """Seconds that ``verify`` takes besides timing: processes load, and the test split is predicted.

    What runs in fp32 predicts on all processors; baselines that have seen the test split do not see it again.
    """
    untested = [baseline for baseline in baselines if baseline.figures.test is None]
    cores = os.cpu_count() or 1
    means_ms = [one.figures.latency_ms.mean / (1 if one.name == INT8 else cores) for one in untested]
    means_ms += [one.figures.latency_ms.mean for one in finalists if one.figures]
    requests = len(evaluator.prepared.data.test.labels) / evaluator.target.batch_size
    return LOADING_S * (len(baselines) + len(finalists)) + sum(means_ms) * requests / 1000


def _measure(
    evaluator: TrialEvaluator,
    files: Mapping[str, Path],
    baselines: Sequence[Baseline],
    stock: StockModels,
    protocol: LatencyProtocol,
    planned_s: float,
) -> _Measured:
    """Latencies of all, and test outputs of the files and of the baselines that have not seen the test split."""
    data, target = evaluator.prepared.data, evaluator.target
    untested = {baseline.name for baseline in baselines if baseline.figures.test is None}
    measured, end = _Measured({}, {}), time.monotonic() + planned_s
    paths = stock_paths(stock)
    for number, (worker, stock_files) in enumerate(paths.items()):
        now = time.monotonic()
        ours = dict(files) if worker == ONNX_WORKER else {}
        wishes = [Evaluation(name, data.test, target.batch_size, data.pad_id, target.threads) for name in ours]
        wishes += [stock_evaluation(name, data.test, target, data.pad_id) for name in stock_files if name in untested]
        latencies, outputs = measure_and_predict(
            {**stock_files, **ours},
            evaluator.requests,
            target,
            protocol,
            evaluations=wishes,
            timeout_s=TIMEOUT_S,
            worker=worker,
            deadline=now + (end - now) / (len(paths) - number),
        )
        measured.latencies.update(latencies)
        measured.outputs.update(zip((wish.model for wish in wishes), outputs, strict=True))
    return measured
