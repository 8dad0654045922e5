"""Verify: finalists and baselines measured again, alone on the machine, and once on the test split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autocompress.figures import Baseline, Figures, TrialResult
from autocompress.measurement.baselines import measure_qualities
from autocompress.measurement.export_stock import FP32, INT8, PYTORCH, StockModels
from autocompress.measurement.fingerprint import fingerprint_digest, hardware_fingerprint
from autocompress.measurement.process import (
    PYTORCH_WORKER,
    Evaluation,
    MeasuredLatency,
    measure_in_fresh_process,
    predict_in_fresh_process,
)
from autocompress.measurement.statistics import quality_of
from autocompress.trial import MODEL, TrialEvaluator


@dataclass(frozen=True)
class Verification:
    """The last figures: each finalist's, and the baselines' from the same run."""

    results: list[TrialResult]
    baselines: list[Baseline]


def verify(
    evaluator: TrialEvaluator,
    finalists: Sequence[TrialResult],
    folders: Mapping[int, Path],
    baselines: Sequence[Baseline],
    stock: StockModels,
) -> Verification:
    """Time all ONNX files interleaved in one fresh process, PyTorch in its own, and predict the test split once each.

    ``folders`` holds, by trial, the folder of the file that would ship. A constraint is held against these
    figures.
    """
    files = {f"trial-{result.trial}": folders[result.trial] / MODEL for result in finalists}
    latencies = measure_in_fresh_process(
        {FP32: stock.fp32, INT8: stock.int8, **files}, evaluator.requests, evaluator.target, evaluator.protocol
    )
    latencies |= measure_in_fresh_process(
        {PYTORCH: stock.teacher_folder}, evaluator.requests, evaluator.target, evaluator.protocol, worker=PYTORCH_WORKER
    )
    outputs = _test_outputs(evaluator, files)
    task, split = evaluator.prepared.data.task, evaluator.prepared.data.splits["test"]
    verified = []
    for result in finalists:
        name = f"trial-{result.trial}"
        figures = _figures(result.figures, latencies[name])
        figures = replace(figures, test=quality_of(task, outputs[name], split.labels))
        final = replace(
            result,
            figures=figures,
            stage="verify",
            fingerprint=fingerprint_digest(hardware_fingerprint(evaluator.target.threads)),
        )
        verified.append(final)
    return Verification(verified, _baselines(evaluator, baselines, latencies, stock))


def _baselines(
    evaluator: TrialEvaluator,
    baselines: Sequence[Baseline],
    latencies: Mapping[str, MeasuredLatency],
    stock: StockModels,
) -> list[Baseline]:
    data, target = evaluator.prepared.data, evaluator.target
    tests = {b.name: b.figures.test for b in baselines}
    if any(test is None for test in tests.values()):
        tests |= measure_qualities(stock, data.task, data.splits["test"], target, pad_id=data.pad_id)
    return [Baseline(b.name, replace(_figures(b.figures, latencies[b.name]), test=tests[b.name])) for b in baselines]


def _figures(figures: Figures | None, measured: MeasuredLatency) -> Figures:
    assert figures is not None
    return replace(figures, latency_ms=measured.latency, memory_bytes=measured.memory_bytes)


def _test_outputs(evaluator: TrialEvaluator, files: Mapping[str, Path]) -> dict[str, NDArray[np.float32]]:
    data, target = evaluator.prepared.data, evaluator.target
    wishes = [Evaluation(name, data.splits["test"], target.batch_size, data.pad_id, target.threads) for name in files]
    return dict(zip(files, predict_in_fresh_process(files, wishes), strict=True))
