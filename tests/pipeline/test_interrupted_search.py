"""A search that is interrupted, by Ctrl-C or a full disk, or that is to go on: resume loses no trial."""

import json
import shutil
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest
from full_disk import SmallDisk
from short_search import BUDGET_S, PROGRAM, RESUMED_S

import autocompress
from autocompress.preparation.surrogate import LOSSES
from autocompress.study.store import StudyStore
from autocompress.system.errors import StorageError
from autocompress.trials.surrogate import NUM_INITIAL_DESIGNS

pytestmark = pytest.mark.usefixtures("short_searches")


def test_resume_adds_trials_and_keeps_the_old_ones(study: autocompress.Study, tmp_path: Path):
    shutil.copytree(study.folder, tmp_path / "tiny")
    before = {result.trial: result for result in study.store.results()}
    trials = NUM_INITIAL_DESIGNS + len(LOSSES) + 3
    resumed = autocompress.resume("tiny", studies_dir=tmp_path, trials=trials, time_budget_s=RESUMED_S)
    after = {result.trial: result for result in resumed.store.results()}
    assert len(after) == trials and resumed.state == "finished"
    assert {number: after[number] for number in before} == before
    expected = [json.loads(row[0]) for row in query(resumed.folder, "predicted")]
    assert 3 <= len(expected) <= 3 + len(LOSSES) and all(
        set(each) == {"quality", "latency_ms", "size_bytes"} for each in expected
    )


def query(folder: Path, key: str) -> list[tuple[str]]:
    """The values of a user attribute, as they lie in the study's database."""
    with closing(sqlite3.connect(folder / "study.db")) as database:
        return database.execute("SELECT value_json FROM trial_user_attributes WHERE key = ?", (key,)).fetchall()


@pytest.mark.faults
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
