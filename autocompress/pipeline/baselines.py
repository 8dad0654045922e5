"""Builds and measures the baselines of a study before its search."""

from __future__ import annotations

from autocompress.domain.figures import Baseline
from autocompress.evaluation.trial import TrialEvaluator
from autocompress.measurement.baselines import measure_baselines
from autocompress.measurement.protocol import LatencyProtocol
from autocompress.measurement.stock_models import (
    FP32,
    INT8,
    STUDENT_INT8,
    StockModels,
    build_baselines,
    has_stock_models,
    stock_models,
)
from autocompress.study.baselines import read_baselines, write_baselines
from autocompress.study.prepared import Prepared
from autocompress.system.attempts import attempt
from autocompress.system.errors import StudyError
from autocompress.system.events import Event, Listener

ROUGH = LatencyProtocol(rounds=2)
"""For the early figures, by which what follows is planned; verifying measures those that a user is shown."""


def study_stock(prepared: Prepared) -> StockModels:
    """Return the paths of a study's stock models: those of its teacher, and of a student checkpoint beside it."""
    student = None if prepared.teaches_itself else prepared.checkpoint
    return stock_models(prepared.labeller.checkpoint, prepared.baselines, student)


def prepare_baselines(evaluator: TrialEvaluator, listener: Listener) -> tuple[StockModels, list[Baseline]]:
    """Return the stock models and the figures of those in ONNX Runtime; build and measure what is not on disk yet.

    PyTorch, the slowest by far, is only measured when the study is verified. A baseline that cannot be built or
    measured is left out, and the listener is told.
    """
    prepared = evaluator.prepared
    stock = study_stock(prepared)
    for part in stock.parts:
        if not has_stock_models(part):
            with attempt("the ONNX Runtime baselines cannot be built", listener):
                build_baselines(part.teacher_folder, part.digests.parent)
    try:
        known = read_baselines(prepared.study_folder)
    except StudyError as error:
        listener(Event("note", str(error)))
        known = []
    if not known:
        for model, names in ((prepared.labeller, (FP32, INT8)), (prepared, (STUDENT_INT8,))):
            with attempt("the ONNX Runtime baselines cannot be measured", listener):
                known += measure_baselines(stock, model.data, model.requests, evaluator.target, ROUGH, names)
        write_baselines(prepared.study_folder, known, prepared.teacher_quality)
    return stock, known
