"""Builds and measures the baselines of a study before its search."""

from __future__ import annotations

from autocompress.domain.figures import Baseline
from autocompress.evaluation.trial import TrialEvaluator
from autocompress.measurement.baselines import measure_baselines
from autocompress.measurement.protocol import LatencyProtocol
from autocompress.measurement.stock_models import StockModels, build_baselines, has_stock_models, stock_models
from autocompress.measurement.worker_process import ONNX_WORKER
from autocompress.study.baselines import read_baselines, write_baselines
from autocompress.system.attempts import attempt
from autocompress.system.errors import StudyError
from autocompress.system.events import Event, Listener

ROUGH = LatencyProtocol(rounds=2)
"""For the early figures, by which what follows is planned; verifying measures those that a user is shown."""


def prepare_baselines(evaluator: TrialEvaluator, listener: Listener) -> tuple[StockModels, list[Baseline]]:
    """Return the stock models and the figures of those in ONNX Runtime; build and measure what is not on disk yet.

    PyTorch, the slowest by far, is only measured when the study is verified. A baseline that cannot be built or
    measured is left out, and the listener is told.
    """
    prepared = evaluator.prepared
    stock = stock_models(prepared.checkpoint, prepared.baselines)
    if not has_stock_models(stock):
        with attempt("the ONNX Runtime baselines cannot be built", listener):
            build_baselines(prepared.checkpoint, prepared.baselines)
    try:
        known = read_baselines(prepared.study_folder)
    except StudyError as error:
        listener(Event("note", str(error)))
        known = []
    if not known:
        with attempt("the ONNX Runtime baselines cannot be measured", listener):
            known = measure_baselines(
                stock, prepared.data, evaluator.prepared.requests, evaluator.target, ROUGH, workers=(ONNX_WORKER,)
            )
        write_baselines(prepared.study_folder, known, prepared.teacher_quality)
    return stock, known
