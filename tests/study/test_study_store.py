"""The study's folder: names, lock, states, reading without a trace."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from optuna.trial import FixedTrial
from search_parts import OBJECTIVES, TINY, formula_figures

from autocompress.domain.problem import Problem
from autocompress.hardware.cores import Cores, pinned, split_cores, usable_cores
from autocompress.students.configuration import configuration_digest
from autocompress.students.transformer.configuration import TransformerConfiguration
from autocompress.study.database import add_running, check_place, stored_choices
from autocompress.study.results import TrialResult
from autocompress.study.store import Progress, StudyStore, study_names
from autocompress.system.errors import InputError, StorageError, StudyError
from autocompress.trials.samplers import fresh_sampler

DIRECTIONS = [objective.direction for objective in OBJECTIVES]
UNIFORM = TransformerConfiguration.uniform(TINY, 8)


def result_of(number, **changes):
    figures = formula_figures(configuration_digest(UNIFORM))
    return replace(TrialResult(number, 0, UNIFORM, figures), **changes)


def snapshot(folder: Path):
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in sorted(folder.rglob("*"))}


@pytest.mark.parametrize("name", ["", " ", ".", "..", "a/b", "a\\b", ".hidden", "a\nb", "a\0b", "x" * 300])
def test_a_name_that_is_no_folder(tmp_path, name):
    with pytest.raises(InputError, match="plain folder name"):
        StudyStore.create(tmp_path, name, Problem())
    with pytest.raises(InputError, match="plain folder name"):
        StudyStore.read(tmp_path, name)


def test_create_and_read(tmp_path):
    problem = Problem(seed=3)
    assert study_names(tmp_path / "none") == []
    with StudyStore.create(tmp_path, "süß 1", problem) as store:
        assert store.state() == "running"
        with pytest.raises(StudyError, match="must be new"):
            StudyStore.create(tmp_path, "süß 1", problem)
    assert study_names(tmp_path) == ["süß 1"]
    assert StudyStore.read(tmp_path, "süß 1").problem == problem
    with pytest.raises(StudyError, match="must exist, but there are süß 1"):
        StudyStore.resume(tmp_path, "other")


ODD = ["what?", "#1", "50%20", "a b", "süß", 'it\'s "it"', "{x}", ":memory:", "file:x?mode=memory", "-rf", "~"]


@pytest.mark.parametrize("odd", ODD)
def test_a_study_has_its_database_in_its_own_folder_whatever_the_names(odd, tmp_path, monkeypatch):
    """In a URL some of these letters mean something else."""
    monkeypatch.chdir(tmp_path)
    for studies in (Path(odd), Path("studies")):
        with StudyStore.create(studies, odd, Problem()) as store:
            add_running(store.optuna_study(DIRECTIONS), FixedTrial({}), {"number": 1})
        with StudyStore.resume(studies, odd) as store:
            assert len(store.optuna_study(DIRECTIONS).get_trials()) == 1
            assert (studies / odd / "study.db").is_file()
    assert len(list(tmp_path.rglob("*.db"))) == 2


def test_the_options_of_a_parameter_are_those_with_which_the_study_began(tmp_path):
    with StudyStore.create(tmp_path, "s", Problem()) as store:
        study = store.optuna_study(DIRECTIONS)
        assert stored_choices(study, "student") is None
        add_running(study, FixedTrial({"other": 3}), {"number": 0})
        begun = FixedTrial({"student": "cnn"})
        begun.suggest_categorical("student", ("transformer", "cnn"))
        add_running(study, begun, {"number": 1})
        assert stored_choices(study, "student") == ("transformer", "cnn")
        later = FixedTrial({"student": "cnn"})
        later.suggest_categorical("student", ("transformer", "cnn", "alignment"))
        with pytest.raises(ValueError, match="dynamic value space"):
            add_running(study, later, {"number": 2})


def test_states_and_progress(tmp_path):
    with StudyStore.create(tmp_path, "s", Problem()) as store:
        assert store.progress() == Progress()
        store.write_progress(Progress("search", planned_s={"search": 60.0}, used_s={"prepare": 3.5}))
    reader = StudyStore.read(tmp_path, "s")
    assert reader.state() == "interrupted"
    assert reader.progress().planned_s == {"search": 60.0}
    with StudyStore.resume(tmp_path, "s") as store:
        assert reader.state() == "running"
        store.write_progress(Progress("done", finished=True))
    assert reader.state() == "finished"


def test_results_by_stage_and_counts(tmp_path):
    with StudyStore.create(tmp_path, "s", Problem()) as store:
        store.write_result(result_of(0))
        store.write_result(result_of(3, figures=None, reason="too wide"))
        store.write_result(result_of(0, stage="refine"))
        store.write_result(result_of(0, stage="verify"))
        store.make_trial_folder(4)
        assert [result.trial for result in store.results()] == [0, 3]
        assert store.results("refine") == [result_of(0, stage="refine")]
        assert store.result(0, "verify") == result_of(0, stage="verify")
        assert store.result(7) is None
        assert store.counts() == {"complete": 1, "failed": 1, "running": 1}
        names = {str(path.relative_to(store.folder)) for path in store.folder.rglob("*.json")}
        assert {"trials/00000/result.json", "trials/00000/refined/result.json", "trials/00000/verified.json"} <= names
        store.write_result(result_of(9))
        store.result_path(9).rename(store.result_path(3))
        with pytest.raises(StudyError, match="must be the result of trial 3"):
            store.result(3)
    assert StudyStore.read(tmp_path, "s").trial_folder(4).is_dir()


def test_reading_changes_nothing_and_needs_no_lock(tmp_path):
    with StudyStore.create(tmp_path, "s", Problem()) as store:
        store.optuna_study(DIRECTIONS)
        store.write_result(result_of(0))
        before = snapshot(tmp_path)
        reader = StudyStore.read(tmp_path, "s")
        assert reader.state() == "running"
        assert len(reader.results()) == 1
        assert reader.counts()["complete"] == 1
        for forbidden in (lambda: reader.optuna_study(DIRECTIONS), lambda: reader.write_progress(Progress())):
            with pytest.raises(StudyError, match="for reading only"):
                forbidden()
        reader.close()
        assert snapshot(tmp_path) == before


HOLDER = """
import sys, time
from pathlib import Path
from autocompress.study.store import StudyStore
store = StudyStore.resume(Path(sys.argv[1]), "s")
print("held", flush=True)
time.sleep(600)
"""


def test_the_lock_names_its_holder_and_dies_with_it(tmp_path):
    StudyStore.create(tmp_path, "s", Problem()).close()
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StudyError, match=f"in use by process {holder.pid} on "):
            StudyStore.resume(tmp_path, "s")
        assert StudyStore.read(tmp_path, "s").state() == "running"
        holder.send_signal(signal.SIGKILL)
    assert StudyStore.read(tmp_path, "s").state() == "interrupted"
    with StudyStore.resume(tmp_path, "s") as store:
        assert json.loads((store.folder / "lock").read_text())["pid"] == os.getpid()


def test_storage_is_durable_and_checked(tmp_path):
    with StudyStore.create(tmp_path, "s", Problem()) as store:
        study = store.optuna_study(DIRECTIONS)
        connection = study._storage._backend.engine.raw_connection()
        cursor = connection.cursor()
        assert cursor.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert cursor.execute("PRAGMA synchronous").fetchone()[0] == 2
        connection.close()
    with StudyStore.resume(tmp_path, "s") as store, pytest.raises(StudyError, match="objectives to"):
        store.optuna_study(["minimize"])
    database = tmp_path / "s" / "study.db"
    database.write_bytes(b"no database" * 1000)
    with StudyStore.resume(tmp_path, "s") as store, pytest.raises(StudyError, match="it is damaged"):
        store.optuna_study(DIRECTIONS)


def test_damaged_files_are_named(tmp_path):
    with StudyStore.create(tmp_path, "s", Problem()) as store:
        (store.folder / "state.json").write_text("{", encoding="utf-8")
        with pytest.raises(StudyError, match="not a study's state"):
            store.progress()
        store.make_trial_folder(0)
        store.result_path(0).write_text("[]", encoding="utf-8")
        with pytest.raises(StudyError, match=r"result\.json is not a result"):
            store.results()
        (store.folder / "problem.json").write_text("{}", encoding="utf-8")
    with pytest.raises(StudyError, match=r"problem\.json must be a study's problem.*digest"):
        StudyStore.read(tmp_path, "s")


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StorageError, match="must be writable"):
        StudyStore.create(tmp_path / "file", "s", Problem())


@pytest.mark.parametrize(
    ("usable", "threads", "building", "measuring", "apart"),
    [
        ((0, 1), 1, (0,), (1,), True),
        ((0, 1), 2, (0, 1), (0, 1), False),
        ((7, 3, 5, 1), 2, (1, 3), (5, 7), True),
        ((0,), 1, (0,), (0,), False),
    ],
)
def test_split_cores(usable, threads, building, measuring, apart):
    cores = split_cores(usable, threads)
    assert cores == Cores(building, measuring)
    assert cores.apart is apart


def test_more_threads_than_cores():
    with pytest.raises(InputError, match="usable cores"):
        split_cores((0, 1), 3)


def test_pinned_is_undone():
    before = os.sched_getaffinity(0)
    with pinned(usable_cores()[:1]):
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before


def test_a_place_that_can_hold_a_database_and_one_that_cannot(tmp_path):
    check_place(tmp_path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(StorageError, match="must be writable"):
        check_place(tmp_path / "missing")


def test_an_unknown_sampler():
    with pytest.raises(InputError, match="sampler must be one of surrogate, tpe, nsga2, random"):
        fresh_sampler("best", 0, 0)
