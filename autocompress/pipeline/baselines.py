"""The baselines of a study: built and measured before the search, kept with the quality that the teacher has."""

from __future__ import annotations

from autocompress.domain.figures import Baseline
from autocompress.evaluation.trial import TrialEvaluator
from autocompress.measurement.baselines import measure_baselines
from autocompress.measurement.process import ONNX_WORKER
from autocompress.measurement.protocol import LatencyProtocol
from autocompress.measurement.stock_models import StockModels, build_baselines, has_stock_models, stock_models
from autocompress.study.baselines import read_baselines, write_baselines
from autocompress.system.attempts import attempt
from autocompress.system.errors import StudyError
from autocompress.system.events import Event, Listener

ROUGH = LatencyProtocol(blocks=2)
"""The early figures plan what follows; those that a user is shown in the end are verified."""


def early_baselines(evaluator: TrialEvaluator, listener: Listener) -> tuple[StockModels, list[Baseline]]:
    """The stock models, and the figures of those in ONNX Runtime: what is not there yet is built and measured.

    PyTorch, the slowest by far, is measured at the end alone. A baseline that cannot be built or measured is told and
    left out.
    """
    prepared = evaluator.prepared
    stock, data = stock_models(prepared.checkpoint, prepared.baselines), prepared.data
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
                stock,
                data.task,
                data.validation,
                evaluator.requests,
                evaluator.target,
                pad_id=data.pad_id,
                protocol=ROUGH,
                workers=(ONNX_WORKER,),
            )
        write_baselines(prepared.study_folder, known, prepared.teacher_quality)
    return stock, known
