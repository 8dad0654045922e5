"""Whole searches on a tiny model, through the Python interface and the command line, killed and resumed."""

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import warnings
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from full_disk import SmallDisk
from short_search import BUDGET_S, PROGRAM, RESUMED_S

import autocompress
from autocompress.evaluation import trial
from autocompress.evaluation.compile import Compiled, serialise
from autocompress.evaluation.cut import cut_weights, source_of
from autocompress.evaluation.trial import TrialEvaluator
from autocompress.preparation import labelling
from autocompress.preparation.labelling import teacher_outputs
from autocompress.preparation.surrogate import LOSSES, exit_confidences, exit_designs, layer_outputs
from autocompress.students.configuration import (
    configuration_digest,
    configuration_from_json,
    configuration_to_json,
    describe,
)
from autocompress.students.transformer.configuration import ExitConfiguration, TransformerConfiguration
from autocompress.study.prepared import Prepared
from autocompress.study.prepared_files import TEACHER
from autocompress.study.results import TrialResult
from autocompress.study.store import StudyStore
from autocompress.system.errors import InputError, StorageError, StudyError
from autocompress.system.events import Event
from autocompress.system.files import read_sealed, sha256
from autocompress.tasks.metrics import unexplained
from autocompress.trials.jobs import BUILD, MEASURE, TrialRequest, run_job
from autocompress.trials.surrogate import STARTERS

BASELINES = ["pytorch-fp32", "onnxruntime-fp32", "onnxruntime-int8"]


pytestmark = pytest.mark.usefixtures("short_searches")


def test_a_search_ends_with_verified_points_beside_the_baselines(study: autocompress.Study):
    shown = json.loads(json.dumps(study.summary.to_json()))
    assert shown["state"] == "finished" and shown["trials"]["complete"] == 8
    assert [baseline["name"] for baseline in shown["baselines"]] == BASELINES
    assert shown["front"]
    for point in shown["front"]:
        assert point["feasible"] is True and point["stage"] == "verify"
        assert 0.0 <= point["quality"]["test"] <= 1.0
        assert 0 < point["latency_ms"]["p50"] <= point["latency_ms"]["p95"]
        assert set(point["speedup"]) == set(BASELINES)
    trial_0 = study.store.result(0)
    assert trial_0 is not None and describe(trial_0.configuration).startswith("L2 H48 A4 F96 w8")


def test_every_figure_is_that_of_the_file_which_ships(study: autocompress.Study, tmp_path: Path):
    for point in study.front:
        source = study.source(point)
        assert source.model.stat().st_size == point.figures.size_bytes
        assert sha256(source.model) == source.model_digest


def test_an_exported_model_serves_in_a_bare_process_with_the_manifests_quality(
    study: autocompress.Study, tmp_path: Path, tiny_data: dict[str, str]
):
    from autocompress.measurement.protocol import LatencyProtocol
    from autocompress.report.verify import verify_export

    folder = study.export(tmp_path / "out")
    manifest = json.loads((folder / "manifest.json").read_text())
    report = verify_export(folder, tiny_data["test"], protocol=LatencyProtocol())
    assert report.matches_manifest
    assert report.quality.value == pytest.approx(manifest["figures"]["test"]["value"], abs=1e-9)
    with pytest.raises(InputError, match="empty"):
        study.export(tmp_path / "out")


@pytest.mark.parametrize(
    ("harm", "reason"),
    [("cut short", "ONNX Runtime must load"), ("no ONNX", "ONNX Runtime must load"), ("NaN", "must be finite")],
)
def test_a_file_that_cannot_serve_fails_its_trial(
    study: autocompress.Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str, reason: str
):
    harms = {
        "cut short": lambda content: content[:-2000],
        "no ONNX": lambda content: b"{}",
        "NaN": lambda content: content,
    }
    monkeypatch.setattr(trial, "serialise", lambda *parts: harms[harm](serialise(*parts)))
    evaluator, request = trial_0_again(study, tmp_path)
    if harm == "NaN":
        arrays, shape = cut_weights(evaluator.prepared, configuration_from_json(request.configuration))
        broken = {name: np.full_like(array, np.nan) for name, array in arrays.items()}
        monkeypatch.setattr(Prepared, "weights", lambda *_: (broken, shape))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        result = run_job(evaluator, BUILD, request)
    assert result is not None and result.figures is None and reason in str(result.reason)


def test_a_file_that_is_damaged_before_it_is_measured_fails_its_trial(study: autocompress.Study, tmp_path: Path):
    evaluator, request = trial_0_again(study, tmp_path)
    assert run_job(evaluator, BUILD, request) is None
    (tmp_path / "model.onnx").write_bytes((tmp_path / "model.onnx").read_bytes()[:-2000])
    result = run_job(evaluator, MEASURE, request)
    assert result is not None and result.figures is None and "ONNX Runtime must load" in str(result.reason)


STARVED = """
import resource, sys
from pathlib import Path
import psutil
from autocompress.domain import problem
from autocompress.students.configuration import configuration_to_json
from autocompress.trials.jobs import BUILD, TrialRequest, run_job
from autocompress.study.store import StudyStore
from autocompress.study.prepared import Prepared
from autocompress.evaluation.trial import TrialEvaluator

problem.SHORTEST_BUDGET_S = 0.0
store = StudyStore.read(Path(sys.argv[1]).parent, Path(sys.argv[1]).name)
known = store.result(0)
request = TrialRequest(99, 0, configuration_to_json(known.configuration), known.digest, sys.argv[2], 0)
evaluator = TrialEvaluator(Prepared(store.folder), store.problem.target)
resource.setrlimit(resource.RLIMIT_AS, 2 * (psutil.Process().memory_info().vms,))
print(run_job(evaluator, BUILD, request).reason)
"""


def test_a_trial_that_runs_out_of_memory_fails_with_the_reason(study: autocompress.Study, tmp_path: Path):
    command = [sys.executable, "-c", STARVED, str(study.folder), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "MemoryError" in done.stdout, done.stderr
    kept = TrialResult.from_json(read_sealed(tmp_path / "result.json"))
    assert kept.figures is None and "MemoryError" in str(kept.reason)


def trial_0_again(study: autocompress.Study, folder: Path) -> tuple[TrialEvaluator, TrialRequest]:
    """The study's own evaluator, and its first trial as another number in another folder."""
    known = study.store.result(0)
    assert known is not None
    configuration = configuration_to_json(known.configuration)
    evaluator = TrialEvaluator(Prepared(study.folder), study.store.problem.target)
    return evaluator, TrialRequest(99, 0, configuration, known.digest, str(folder), 0)


def test_no_configuration_is_measured_twice(study: autocompress.Study):
    digests = [result.digest for result in study.store.results()]
    assert len(digests) == len(set(digests)) == 8


def test_a_second_study_reuses_what_was_prepared(
    study: autocompress.Study, studies: Path, tiny_checkpoint: str, tiny_data: dict[str, str]
):
    messages: list[str] = []

    def listener(event: Event) -> None:
        messages.append(event.message)
        if event.message.startswith("search: "):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        autocompress.search(
            tiny_checkpoint, **tiny_data, time_budget_s=BUDGET_S, study="again", studies_dir=studies, on_event=listener
        )
    first, baselines = (next(i for i, m in enumerate(messages) if m.startswith(s)) for s in ("trial 0", "baselines: "))
    used = next(i for i, m in enumerate(messages) if m.startswith("baselines") and "used" in m)
    assert baselines < first < used, "uniform int8 is measured before anything else"
    assert sum("used again" in message for message in messages) == 5
    for name in ("teacher", "transfer", "transformer", "bilstm", "cnn"):
        files = [studies / s / "prepared" / f"{name}.safetensors" for s in ("tiny", "again")]
        assert files[0].read_bytes() == files[1].read_bytes()


def test_the_teachers_8_bit_file_labels_texts_as_the_teacher_does(study: autocompress.Study, monkeypatch):
    prepared, notes = Prepared(study.folder), []
    exact, validation = prepared.validation_outputs, prepared.data.validation
    quick = teacher_outputs(prepared, validation, notes.append)
    assert 0 < unexplained(quick.logits, exact) < labelling.UNEXPLAINED
    assert quick.hidden is not None and len(quick.hidden.values) == len(validation)
    assert not [event for event in notes if event.kind == "note"]
    monkeypatch.setattr(labelling, "UNEXPLAINED", 0.0)
    slow = teacher_outputs(prepared, validation, notes.append)
    assert "labelled in PyTorch" in next(event.message for event in notes if event.kind == "note")
    assert unexplained(slow.logits, exact) < 1e-3 and slow.hidden is None
    assert not np.array_equal(slow.logits, quick.logits)


def test_labelling_ends_when_its_time_is_over(study: autocompress.Study, monkeypatch):
    prepared, notes = Prepared(study.folder), []
    validation, exact = prepared.data.validation, prepared.validation_outputs
    monkeypatch.setattr(labelling, "CHUNK", 50)
    quick = teacher_outputs(prepared, validation, notes.append, enough=lambda labelled: labelled >= 50)
    assert quick.hidden is not None and len(quick.logits) == len(quick.hidden.values) == 50
    assert unexplained(quick.logits, exact[:50]) < labelling.UNEXPLAINED
    monkeypatch.setattr(labelling, "UNEXPLAINED", 0.0)
    assert len(teacher_outputs(prepared, validation, notes.append, enough=lambda labelled: True).logits) == 50
    assert len(teacher_outputs(prepared, validation, notes.append).logits) == 120


def test_how_sure_exits_are_is_read_from_the_super_network(study: autocompress.Study):
    single, pairs = (exit_confidences(Prepared(study.folder), batch_size, "confidence") for batch_size in (1, 2))
    assert single.shape == (2, 120) and pairs.shape == (2, 60)
    assert (single >= 0.5).all() and (single <= 1.0).all()
    assert np.array_equal(pairs, np.minimum(single[:, ::2], single[:, 1::2]))


def test_lower_layers_and_exits_are_cut_from_the_teacher_and_answer_as_its_heads_do(study: autocompress.Study):
    prepared = Prepared(study.folder)
    shape, data, outputs = prepared.teacher_shape, prepared.data, layer_outputs(prepared)
    assert outputs.shape == (2, 120, 2) and np.array_equal(outputs[1], prepared.validation_outputs)
    lower = TransformerConfiguration.uniform(shape, 32, layers=(0,))
    with_exit = TransformerConfiguration.uniform(shape, 32, exit=ExitConfiguration((0,), 0.5))
    for configuration in (lower, with_exit):
        assert source_of(prepared, configuration) == TEACHER
        arrays, _ = cut_weights(prepared, configuration)
        found = Compiled(prepared, serialise(prepared, arrays, shape, configuration)).outputs(data.validation)
        assert unexplained(found, outputs[0]) < 0.02
    for elsewhere in (
        TransformerConfiguration.uniform(shape, layers=(1,)),
        TransformerConfiguration.uniform(shape, layers=(0,), hidden_size=shape.hidden_size // 2),
    ):
        assert source_of(prepared, elsewhere) == "transformer"


def test_exit_designs_are_measured_after_the_spaces_own(study: autocompress.Study):
    prepared = Prepared(study.folder)
    designs = exit_designs(prepared, 1)
    assert designs and all(source_of(prepared, design) == TEACHER for design in designs)
    measured = {result.digest for result in study.store.results()}
    assert {configuration_digest(design) for design in designs[:1]} <= measured


def test_resume_adds_trials_and_keeps_the_old_ones(study: autocompress.Study, studies: Path):
    before = {result.trial: result for result in study.store.results()}
    trials = STARTERS + len(LOSSES) + 3
    resumed = autocompress.resume("tiny", studies_dir=studies, trials=trials, time_budget_s=RESUMED_S)
    after = {result.trial: result for result in resumed.store.results()}
    assert len(after) == trials and resumed.state == "finished"
    assert {number: after[number] for number in before} == before
    expected = [json.loads(row[0]) for row in query(study.folder, "predicted")]
    assert 3 <= len(expected) <= 3 + len(LOSSES) and all(
        set(each) == {"quality", "latency_ms", "size_bytes"} for each in expected
    )


def query(folder: Path, key: str) -> list[tuple[str]]:
    """The values of a user attribute, as they lie in the study's database."""
    with closing(sqlite3.connect(folder / "study.db")) as database:
        return database.execute("SELECT value_json FROM trial_user_attributes WHERE key = ?", (key,)).fetchall()


def test_a_known_name_is_refused_with_what_changed(
    study: autocompress.Study, studies: Path, tiny_checkpoint: str, tiny_data: dict[str, str]
):
    with pytest.raises(StudyError, match=r"constraints.max_latency_ms: 50.0 -> 40.0"):
        autocompress.search(
            tiny_checkpoint,
            **tiny_data,
            study="tiny",
            studies_dir=studies,
            max_latency_ms=40.0,
            time_budget_s=BUDGET_S,
            sampler="random",
        )


@pytest.mark.parametrize(
    ("limits", "message"),
    [({"max_size_bytes": 100}, "--max-size must be at least"), ({"max_latency_ms": 1e-4}, "--max-latency must be")],
)
def test_the_impossible_is_told_before_training(
    limits: dict[str, float], message: str, tiny_checkpoint: str, tiny_data: dict[str, str], tmp_path: Path
):
    with pytest.raises(InputError, match=message):
        autocompress.search(tiny_checkpoint, **tiny_data, **limits, studies_dir=tmp_path / "none")  # type: ignore[arg-type]
    assert not (tmp_path / "none").exists()


@pytest.mark.faults
def test_on_a_full_disk_the_search_ends_with_an_error_and_goes_on_when_there_is_room(
    tiny_checkpoint: str, tiny_data: dict[str, str], study: autocompress.Study, small_disk: SmallDisk
):
    studies = small_disk.folder
    shutil.copytree(study.folder, studies / "tiny")
    process = start_search("full", tiny_checkpoint, tiny_data, studies)
    small_disk.fill()
    _, errors = process.communicate(timeout=120)
    last = errors.strip().splitlines()[-1]
    assert process.returncode == StorageError.exit_code and "Traceback" not in errors
    assert last.startswith("error: ") and "must be writable" in last and "free some space" in last
    store = StudyStore.read(studies, "full")
    before = {result.trial: result for result in store.results()}
    assert len(before) >= 4 and store.state() == "interrupted"
    small_disk.free()
    resumed = autocompress.resume("full", studies_dir=studies)
    after = {result.trial: result for result in resumed.store.results()}
    assert {number: after[number] for number in before} == before
    counts = resumed.summary.trials
    assert counts["complete"] == 12 and counts.get("running", 0) == counts.get("interrupted", 0) == 0
    assert resumed.state == "finished" and not list(resumed.folder.rglob(".*.tmp"))


def test_ctrl_c_in_the_middle_of_the_search_says_how_to_go_on_and_loses_nothing(
    tiny_checkpoint: str, tiny_data: dict[str, str], studies: Path, study: autocompress.Study
):
    process = start_search("stopped", tiny_checkpoint, tiny_data, studies)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    last = errors.strip().splitlines()[-1]
    assert process.returncode == 130 and "Traceback" not in errors
    assert last.startswith("error: interrupted") and "autocompress resume stopped" in last
    store = StudyStore.read(studies, "stopped")
    assert store.state() == "interrupted" and len(list(store.results())) >= 4
    assert store.counts().get("running", 0) == 0


def start_search(name: str, checkpoint: str, data: dict[str, str], studies: Path) -> subprocess.Popen[str]:
    """The real program, in the middle of its search: four of twelve trials are done."""
    options = [f"--{split}={path}" for split, path in data.items()]
    command = [*PROGRAM, "search", checkpoint, *options, f"--study={name}"]
    command += [f"--studies-dir={studies}", f"--time-budget={BUDGET_S:g}s", "--max-latency=50ms", "--trials=12"]
    # A shell has its background jobs ignore SIGINT, and they pass that on; a signal that is handled is not passed on.
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, inherited)
    results = studies / name / "trials"
    deadline = time.monotonic() + BUDGET_S
    while len(list(results.glob("*/result.json"))) < 4:
        time.sleep(0.05)
        assert process.poll() is None and time.monotonic() < deadline
    return process
