"""Verify: finalists and baselines measured again, alone on the machine, and once on the test split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autocompress.figures import Baseline, Figures, TrialResult
from autocompress.measurement.baselines import stock_evaluation, stock_paths
from autocompress.measurement.export_stock import StockModels
from autocompress.measurement.fingerprint import fingerprint_digest, hardware_fingerprint
from autocompress.measurement.process import ONNX_WORKER, Evaluation, MeasuredLatency, measure_and_predict
from autocompress.measurement.protocol import LatencyProtocol
from autocompress.measurement.statistics import quality_of
from autocompress.trial import MODEL, TrialEvaluator

TIMEOUT_S = 1200.0


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
    protocol: LatencyProtocol,
) -> Verification:
    """Time all ONNX files interleaved in fresh processes, PyTorch in its own, and predict the test split once each.

    ``folders`` holds, by trial, the folder of the file that would ship. A constraint is held against these
    figures.
    """
    files = {f"trial-{result.trial}": folders[result.trial] / MODEL for result in finalists}
    measured = _measure(evaluator, files, baselines, stock, protocol)
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


def _measure(
    evaluator: TrialEvaluator,
    files: Mapping[str, Path],
    baselines: Sequence[Baseline],
    stock: StockModels,
    protocol: LatencyProtocol,
) -> _Measured:
    """Latencies of all, and test outputs of the files and of the baselines that have not seen the test split."""
    data, target = evaluator.prepared.data, evaluator.target
    untested = {baseline.name for baseline in baselines if baseline.figures.test is None}
    measured = _Measured({}, {})
    for worker, stock_files in stock_paths(stock).items():
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
        )
        measured.latencies.update(latencies)
        measured.outputs.update(zip((wish.model for wish in wishes), outputs, strict=True))
    return measured
