"""Sets damaged files of a resumed study aside, reports them, and has them prepared again where that is possible.

Trials have files of their own, so preparing weights again does not affect measured trials. Fine-tuning a teacher again
gives another teacher: a study with trials cannot go on without the teacher's checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from zipfile import BadZipFile

from autocompress.domain.problem import Problem
from autocompress.evaluation.trial import TrialEvaluator
from autocompress.measurement.stock_models import damaged_models
from autocompress.networks.checkpoint import open_checkpoint
from autocompress.pipeline.baselines import study_stock
from autocompress.preparation.inputs import Inputs, load_inputs
from autocompress.preparation.teacher import save_data
from autocompress.students.configuration import configuration_to_json
from autocompress.study.prepared import Prepared
from autocompress.study.prepared_files import TEACHER
from autocompress.study.results import TrialResult
from autocompress.study.reuse import KEYS, damaged, is_remembered
from autocompress.study.shipped import MODEL, REFINED, is_intact, shipped_folder
from autocompress.study.store import Progress, StudyStore
from autocompress.system.errors import StudyError
from autocompress.system.events import Event, Listener
from autocompress.system.files import sweep
from autocompress.trials.jobs import TrialRequest


def repair(store: StudyStore, prepared: Prepared, listener: Listener) -> None:
    """Set damaged files aside, so that the pipeline prepares them again; StudyError for those that cannot be.

    Temporary files that a killed process left are removed.
    """
    sweep(store.folder)
    _repair_state(store, listener)
    models = prepared.models_of(store.problem)
    for model in models:
        _repair_data(store, model, listener)
    for path in (path for part in study_stock(prepared).parts for path in damaged_models(part)):
        aside = store.set_aside(path)
        listener(
            Event("note", f"{path} is not what was built; it is now {aside.name}, and the baselines are built again")
        )
    for model in models:
        _repair_weights(store, model, listener)


def _repair_weights(store: StudyStore, prepared: Prepared, listener: Listener) -> None:
    """Set damaged weights aside, or the keys that tell which are damaged."""
    try:
        found = damaged(prepared)
    except ValueError as error:
        path = prepared.folder / KEYS
        listener(Event("note", f"{path}: {error}; it is now {store.set_aside(path).name}"))
        found = {}
    for source, names in found.items():
        _repair_source(store, prepared, names)
        listener(Event("note", f"{source}: {', '.join(names)} not as written, set aside; it is prepared again"))


def teacher_inputs(prepared: Prepared, problem: Problem) -> Inputs:
    """Return the data and checkpoint of a model: the study's fine-tuned one if it exists, else the problem's."""
    if prepared.checkpoint.is_dir() and prepared.has_data:
        in_turn = tuple(range(prepared.data.task.num_outputs))
        return Inputs(prepared.data, open_checkpoint(str(prepared.checkpoint)), in_turn)
    return load_inputs(problem).of(prepared)


def _repair_source(store: StudyStore, prepared: Prepared, names: Sequence[str]) -> None:
    """Set these files aside, and all of a checkpoint if one of its files is among them.

    StudyError for a checkpoint of a teacher from which trials were cut.
    """
    for path in {prepared.folder / PurePosixPath(name).parts[0] for name in names}:
        if path == prepared.checkpoint and store.results():
            raise StudyError(
                f"{path} must be as the study wrote it, but it is damaged, and trials were cut from that teacher; "
                f"export what was found, or start a new study"
            )
        if path.exists():
            store.set_aside(path)


def _repair_state(store: StudyStore, listener: Listener) -> None:
    """Replace a damaged record of the progress by one of an interrupted study."""
    try:
        store.progress()
    except StudyError as error:
        store.write_progress(Progress("unknown"))
        listener(Event("note", f"{error}; the study goes on as an interrupted one"))


def _repair_data(store: StudyStore, prepared: Prepared, listener: Listener) -> None:
    """Encode damaged data again; StudyError if the files they come from have changed."""
    if not prepared.has_data:
        return
    try:
        prepared.check_data()
    except (StudyError, ValueError, KeyError, OSError, BadZipFile) as error:
        aside = store.set_aside(prepared.data_folder)
        listener(Event("note", f"{error}; the data are encoded again, the old ones are {aside.name}"))
        save_data(prepared, load_inputs(store.problem).of(prepared), store.problem)
        if not is_remembered(prepared, TEACHER, store.problem):
            raise StudyError(
                "data or checkpoint must say what they said when the study was made, but they changed; "
                "start a new study"
            ) from error


def repair_model(store: StudyStore, evaluator: TrialEvaluator, result: TrialResult, listener: Listener) -> bool:
    """Replace a result's model.onnx that is not the measured file; return False if that is not possible.

    A refined file is set aside, so that the trial ships the file of the search. That of the search is compiled again,
    and must have the digest that was measured.
    """
    folder = shipped_folder(store, result)
    path = folder / MODEL
    if folder.name == REFINED:
        aside = store.set_aside(folder)
        listener(Event("note", f"{path} is not the file that was measured; it is now in {aside.name}"))
        return True
    if path.exists():
        store.set_aside(path)
    configuration = configuration_to_json(result.configuration)
    evaluator.build(TrialRequest(result.trial, result.attempt, configuration, result.digest, str(folder), 0))
    same = is_intact(store, result)
    outcome = "compiled again" if same else "left out, for it cannot be made again"
    listener(Event("note", f"{path} is not the file that was measured; it is {outcome}"))
    return same
