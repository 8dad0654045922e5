"""Files of a study that are damaged: named, set aside, and made again where that can be."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from short_search import RESUMED_S

import autocompress
from autocompress.evaluation.trial import TrialEvaluator
from autocompress.measurement.stock_models import has_stock_models, stock_models
from autocompress.pipeline.finalists import verify_finalists
from autocompress.pipeline.repair import repair, repair_model
from autocompress.pipeline.run import Run, hosted_ray
from autocompress.pipeline.schedule import Schedule
from autocompress.study.baselines import read_baselines
from autocompress.study.prepared import Prepared
from autocompress.study.shipped import MODEL, REFINED, is_intact, shipped_folder, shipped_results
from autocompress.study.store import StudyStore
from autocompress.system.errors import StudyError
from autocompress.system.events import Event
from autocompress.system.files import sha256, write_bytes

pytestmark = pytest.mark.usefixtures("short_searches")


@pytest.fixture
def copy(study: autocompress.Study, tmp_path: Path) -> Iterator[StudyStore]:
    """The study in a folder of its own, held as by a resuming process."""
    shutil.copytree(study.folder, tmp_path / "tiny")
    with StudyStore.resume(tmp_path, "tiny") as store:
        yield store


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 8
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("data/dataset.json", None),
        ("data/dataset.safetensors", None),
        ("data/model.json", None),
        ("data/requests.npz", None),
        ("prepared/bilstm.safetensors", "bilstm"),
        ("prepared/heads.safetensors", "transfer"),
        ("prepared/outputs.safetensors", "teacher"),
        ("state.json", None),
    ],
)
def test_what_is_damaged_is_named_and_missing_or_made_again(copy: StudyStore, name: str, source: str | None):
    prepared, before, notes = Prepared(copy.folder), (copy.folder / name).read_bytes(), []
    flip(copy.folder / name)
    repair(copy, prepared, notes.append)
    told = " ".join(note.message for note in notes)
    assert Path(name).name in told or Path(name).parent.name in told
    if source is None:
        assert name == "state.json" or (copy.folder / name).read_bytes() == before
    else:
        assert not prepared.has(source) and (copy.folder / f"{name}.damaged").is_file()
    notes.clear()
    repair(copy, prepared, notes.append)
    assert not (copy.folder / "prepared" / "keys.json.damaged").exists() and (source is not None or not notes)


def test_an_intact_study_needs_no_repair(copy: StudyStore):
    notes: list[Event] = []
    repair(copy, Prepared(copy.folder), notes.append)
    assert notes == [] and not list(copy.folder.rglob("*.damaged"))


def test_a_study_whose_teacher_is_damaged_cannot_go_on(copy: StudyStore):
    flip(copy.folder / "prepared" / "checkpoint" / "model.safetensors")
    with pytest.raises(StudyError, match=r"checkpoint must be as the study wrote it.*export what was found"):
        repair(copy, Prepared(copy.folder), lambda event: None)


@pytest.mark.faults
def test_a_damaged_study_is_resumed_with_all_that_was_measured(copy: StudyStore):
    before = {result.trial: result for result in copy.results()}
    folder, studies = copy.folder, copy.folder.parent
    copy.close()
    store = StudyStore.read(studies, "tiny")
    flipped = {result.artifact_digest: shipped_folder(store, result) / MODEL for result in shipped_results(store)}
    for path in flipped.values():
        flip(path)
    int8 = "baselines/onnxruntime-int8/model.onnx"
    for name in (
        "prepared/cnn.safetensors",
        "prepared/outputs.safetensors",
        "baselines/baselines.json",
        "study.db",
        int8,
    ):
        flip(folder / name)
    notes: list[str] = []
    resumed = autocompress.resume(
        "tiny",
        studies_dir=studies,
        trials=max(before) + 3,
        time_budget_s=RESUMED_S,
        on_event=lambda event: notes.append(event.message),
    )
    after = {result.trial: result for result in resumed.store.results()}
    assert {number: after[number] for number in before} == before and len(after) == max(before) + 3
    told = " ".join(notes)
    for name in ("cnn.safetensors", "outputs.safetensors", "baselines.json", int8):
        assert name in told
    for result in resumed.store.results("verify"):
        path = flipped.get(result.artifact_digest)
        assert path is None or f"{path} is not the file that was measured" in told
    assert has_stock_models(stock_models(Path(), folder / "baselines"))
    assert "fine-tuned first" not in told and resumed.state == "finished" and resumed.front
    for point in resumed.front:
        source = resumed.source(point)
        assert sha256(source.model) == source.model_digest


def test_no_damaged_model_is_verified(copy: StudyStore):
    flipped = [shipped_folder(copy, result) / MODEL for result in shipped_results(copy)]
    for path in flipped:
        flip(path)
    notes: list[Event] = []
    with hosted_ray(copy.folder, copy.problem) as host:
        run = Run(copy, Schedule(60.0), notes.append, host)
        stock = stock_models(run.prepared.checkpoint, run.prepared.baselines)
        verify_finalists(run, stock, read_baselines(copy.folder), 15.0)
    verified = copy.results("verify")
    assert verified and all(is_intact(copy, result) for result in verified)
    told = " ".join(note.message for note in notes)
    named = [path for path in flipped if f"{path} is not the file that was measured" in told]
    folders = {path.parent for path in named} | {path.parent.parent for path in named}
    assert all(copy.trial_folder(result.trial) in folders for result in verified)


@pytest.mark.parametrize("missing", [False, True])
def test_a_damaged_model_is_compiled_again_to_the_same_bytes(copy: StudyStore, missing: bool):
    result, notes = copy.result(0), list[Event]()
    assert result is not None and is_intact(copy, result)
    path = copy.trial_folder(0) / MODEL
    path.unlink() if missing else flip(path)
    assert not is_intact(copy, result)
    assert repair_model(copy, TrialEvaluator(Prepared(copy.folder), copy.problem.target), result, notes.append)
    assert is_intact(copy, result) and "it is compiled again" in notes[0].message
    assert path.with_name(f"{MODEL}.damaged").is_file() is not missing


def test_for_a_damaged_refined_model_the_trials_first_one_steps_in(copy: StudyStore):
    first, notes = copy.result(0), list[Event]()
    assert first is not None and first.figures is not None
    path = copy.trial_folder(0) / REFINED / MODEL
    write_bytes(path, b"a better model")
    best = replace(first.figures, validation=replace(first.figures.validation, value=1.0, expected=1.0))
    refined = replace(first, stage="refine", figures=best, artifact_digest=sha256(path))
    copy.write_result(refined)
    assert shipped_results(copy)[0] == refined and is_intact(copy, refined)
    flip(path)
    assert repair_model(copy, TrialEvaluator(Prepared(copy.folder), copy.problem.target), refined, notes.append)
    assert shipped_results(copy)[0] == first and is_intact(copy, first)
    assert path.parent.with_name(f"{REFINED}.damaged").is_dir() and str(path) in notes[0].message


@pytest.mark.parametrize("name", ["onnxruntime-int8/model.onnx", "onnxruntime-fp32/model.onnx", "models.json"])
def test_a_damaged_file_of_a_baseline_is_set_aside_to_be_built_again(copy: StudyStore, name: str):
    prepared, notes = Prepared(copy.folder), list[Event]()
    stock = stock_models(prepared.checkpoint, prepared.baselines)
    assert has_stock_models(stock)
    flip(prepared.baselines / name)
    repair(copy, prepared, notes.append)
    assert str(prepared.baselines / name) in notes[0].message and len(notes) == 1
    assert not has_stock_models(stock) and (prepared.baselines / f"{name}.damaged").is_file()
