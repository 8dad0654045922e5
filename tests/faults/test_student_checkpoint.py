"""Whole searches in which a large teacher labels texts for students that start from a small checkpoint."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from short_search import BUDGET_S, PROGRAM, RESUMED_S

import autocompress
from autocompress.artifact.session import Session
from autocompress.measurement.protocol import LatencyProtocol
from autocompress.pipeline.repair import repair
from autocompress.report.serving import serving_example
from autocompress.report.verify import verify_export
from autocompress.students.transformer.configuration import TransformerConfiguration
from autocompress.study.prepared import Prepared
from autocompress.study.prepared_files import CHECKPOINT, TEACHER, TRANSFER
from autocompress.study.store import StudyStore
from autocompress.system.errors import StudyError
from autocompress.system.events import Event

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("short_searches")]
BASELINES = ["pytorch-fp32", "onnxruntime-fp32", "onnxruntime-int8", "onnxruntime-int8-student"]


@pytest.fixture(scope="module")
def study(
    short_searches: None,
    trained_mpnet: str,
    tiny_checkpoint: str,
    tiny_data: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> autocompress.Study:
    """A search that is killed as soon as the large teacher is prepared, and resumed."""
    studies = tmp_path_factory.mktemp("studies")
    data = [f"--{name}={path}" for name, path in tiny_data.items()]
    command = [*PROGRAM, "search", trained_mpnet, f"--student={tiny_checkpoint}", *data, "--trials=8", "--study=two"]
    command += [f"--studies-dir={studies}", f"--time-budget={BUDGET_S}s", "--max-latency=50ms"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    large = Prepared(studies / "two").large_teacher
    deadline = time.monotonic() + BUDGET_S
    while not (large.folder / "keys.json").is_file():
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()[1]
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    before = {path: path.stat().st_mtime_ns for path in large.study_folder.rglob("*") if path.is_file()}
    heard: list[str] = []
    resumed = autocompress.resume(
        "two", studies_dir=studies, time_budget_s=BUDGET_S, on_event=lambda event: heard.append(event.message)
    )
    assert {path: path.stat().st_mtime_ns for path in large.study_folder.rglob("*") if path.is_file()} == before
    assert any("the student checkpoint is fine-tuned first" in message for message in heard), heard
    return resumed


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 8
    path.write_bytes(content)


def test_students_of_another_checkpoint_are_found_beside_the_teachers_baselines(study: autocompress.Study):
    summary, prepared = study.summary, Prepared(study.folder)
    assert study.state == "finished" and summary.front and summary.trials["complete"] >= 3
    assert [baseline.name for baseline in summary.baselines] == BASELINES
    assert all(baseline.figures.test is not None for baseline in summary.baselines)
    assert summary.teacher_quality == pytest.approx(prepared.large_teacher.teacher_quality) == 1.0
    assert prepared.has(TRANSFER) and not prepared.large_teacher.has(TRANSFER)
    first = study.store.result(0)
    assert first is not None and isinstance(first.configuration, TransformerConfiguration)
    assert first.configuration.hidden_size == 48, "what is cut is the student checkpoint"
    assert set(summary.front[0].speedup) == set(BASELINES)


def test_an_export_reads_the_tokens_of_the_student_checkpoint(
    study: autocompress.Study, tiny_checkpoint: str, tiny_data: dict[str, str], tmp_path: Path
):
    from transformers import AutoTokenizer

    folder = study.export(tmp_path / "out")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["checkpoints"]["student"] == tiny_checkpoint
    assert [baseline["name"] for baseline in manifest["baselines"]] == BASELINES
    report = verify_export(folder, tiny_data["test"], protocol=LatencyProtocol())
    assert report.matches_manifest
    assert report.quality.value == pytest.approx(manifest["figures"]["test"]["value"], abs=1e-9)
    text = "The first text."
    encoded = AutoTokenizer.from_pretrained(tiny_checkpoint)(text, return_tensors="np")
    feed = {name: encoded[name].astype(np.int64) for name in ("input_ids", "attention_mask")}
    label = ("negative", "positive")[int(Session(folder / "model.onnx").run(feed).argmax())]
    served = subprocess.run([sys.executable, "-c", serving_example(folder)], capture_output=True, text=True, check=True)
    assert served.stdout.strip() == label


@pytest.mark.parametrize("name", ["teacher/data/requests.npz", "teacher/data/dataset.safetensors"])
def test_damaged_data_of_the_teacher_are_encoded_again(study: autocompress.Study, name: str, tmp_path: Path):
    shutil.copytree(study.folder, tmp_path / "two")
    path = tmp_path / "two" / name
    content, heard = path.read_bytes(), list[Event]()
    flip(path)
    with StudyStore.resume(tmp_path, "two") as store:
        repair(store, Prepared(store.folder), heard.append)
    assert path.read_bytes() == content and "the data are encoded again" in heard[0].message
    assert (path.parent.with_name("data.damaged")).is_dir()


def test_damaged_weights_of_the_teacher_are_prepared_again_and_a_damaged_checkpoint_ends_the_study(
    study: autocompress.Study, tmp_path: Path
):
    shutil.copytree(study.folder, tmp_path / "two")
    large, heard = Prepared(tmp_path / "two").large_teacher, list[str]()
    weights = large.folder / "teacher.safetensors"
    flip(weights)
    before = {result.trial: result for result in study.store.results()}
    resumed = autocompress.resume(
        "two",
        studies_dir=tmp_path,
        time_budget_s=RESUMED_S,
        trials=len(before) + 1,
        on_event=lambda event: heard.append(event.message),
    )
    assert any("teacher.safetensors not as written" in message for message in heard)
    assert large.has(TEACHER) and resumed.state == "finished"
    after = {result.trial: result for result in resumed.store.results()}
    assert {number: after[number] for number in before} == before and len(after) == len(before) + 1
    flip(large.folder / CHECKPOINT / "model.safetensors")
    with StudyStore.resume(tmp_path, "two") as store, pytest.raises(StudyError, match="export what was found"):
        repair(store, Prepared(store.folder), lambda event: None)
