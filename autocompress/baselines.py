"""The baselines of a study: built and measured before the search, kept with the quality that the teacher has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autocompress.attempts import attempt
from autocompress.errors import StudyError
from autocompress.events import Event, Listener
from autocompress.figures import Baseline
from autocompress.files import read_sealed, write_sealed
from autocompress.measurement.baselines import measure_baselines
from autocompress.measurement.export_stock import StockModels, build_baselines, has_stock_models, stock_models
from autocompress.measurement.process import ONNX_WORKER
from autocompress.measurement.protocol import LatencyProtocol
from autocompress.prepared import Prepared
from autocompress.trial import TrialEvaluator

FILE = "baselines.json"
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


def read_baselines(study_folder: Path) -> list[Baseline]:
    """The stored baselines; none before they were measured. StudyError if their file is damaged."""
    return [Baseline.from_json(data) for data in _read(study_folder).get("baselines", ())]


def read_teacher_quality(study_folder: Path) -> float | None:
    """The teacher's validation quality in float32; None before the baselines were measured, or in older studies."""
    quality = _read(study_folder).get("teacher_quality")
    return None if quality is None else float(quality)


def write_baselines(study_folder: Path, baselines: list[Baseline], teacher_quality: float | None = None) -> None:
    """Store the baselines' figures, and the teacher's quality where it is known."""
    content = {"baselines": [baseline.to_json() for baseline in baselines], "teacher_quality": teacher_quality}
    write_sealed(Prepared(study_folder).baselines / FILE, content)


def _read(study_folder: Path) -> dict[str, Any]:
    path = Prepared(study_folder).baselines / FILE
    try:
        return read_sealed(path)
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise StudyError(f"{path} must be as it was written, but {error}; resume the study to measure again") from error
