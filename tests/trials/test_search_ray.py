"""The Ray executor with real actors, lost workers, and a controller that is killed."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import optuna
import psutil
import pytest
from search_parts import CONSTRAINTS, OBJECTIVES, TINY, FormulaEvaluator

from autocompress.domain.problem import Problem
from autocompress.students.configuration import configuration_to_json
from autocompress.study.store import StudyStore
from autocompress.system.errors import InputError
from autocompress.trials.controller import Controller
from autocompress.trials.jobs import TrialRequest
from autocompress.trials.ray_cluster import Resources
from autocompress.trials.ray_host import HostedRay
from autocompress.trials.settings import SearchSettings, TimeLimits
from search_spaces import SEARCH_SPACES


@pytest.fixture(autouse=True)
def _workers_find_this_folder(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)


def states(store: StudyStore) -> list[str]:
    study = store.optuna_study([objective.direction for objective in OBJECTIVES])
    return [trial.state.name for trial in study.get_trials(deepcopy=False)]


def is_agent(process: psutil.Process) -> bool:
    """Ray's two idle agents look for their parent now and then, and end by themselves half a minute after it."""
    return "agent" in " ".join(process.cmdline()).lower()


def make_controller(store, executor, events, **limits):
    settings = SearchSettings(SEARCH_SPACES["precision"](TINY), OBJECTIVES, CONSTRAINTS, sampler="random", seed=0)
    return Controller(store, settings, executor, events.append, TimeLimits(**limits))


@pytest.mark.faults
def test_lost_workers_are_replaced_and_the_cores_given_back(tmp_path):
    before = os.sched_getaffinity(0)
    events = []
    faults = {1: "exit once", 2: "memory", 3: "diverged", 99: "hang"}
    with (
        StudyStore.create(tmp_path, "s", Problem()) as store,
        HostedRay(FormulaEvaluator(faults), Resources()) as host,
        host.pinned() as executor,
    ):
        assert executor.builders == max(1, len(before) - 1)
        make_controller(store, executor, events).run(max_trials=5)
        assert states(store) == ["COMPLETE"] * 5
        results = {result.trial: result for result in store.results()}
        check_cancel(executor, store, results[0])
    assert os.sched_getaffinity(0) == before
    assert results[1].attempt == 1 and results[1].figures is not None
    assert results[2].reason == "MemoryError: too wide"
    assert results[3].reason == "MeasurementError: the file does not load"
    assert [event.kind for event in events].count("retried") == 1
    token = Path.home() / ".ray" / "auth_token"
    assert not token.exists() or token.stat().st_mode & 0o077 == 0


def test_one_ray_starts_in_the_background_and_serves_one_search_after_the_other(tmp_path):
    before, begun = os.sched_getaffinity(0), time.monotonic()
    with HostedRay(FormulaEvaluator({}), Resources()) as host:
        assert time.monotonic() - begun < 2.0 and not host.ready()
        assert os.sched_getaffinity(0) == before
        host.wait_ready()
        assert host.ready()
        (raylet,) = (child for child in psutil.Process().children(recursive=True) if child.name() == "raylet")
        workers = [child for child in raylet.children() if child.cmdline()[0].startswith("ray::_Worker")]
        assert len(workers) == host.builders + 1, "they have imported the evaluator"
        for name in ("first", "second"):
            with StudyStore.create(tmp_path, name, Problem()) as store, host.pinned():
                assert len(before) == 1 or os.sched_getaffinity(0) < before
                make_controller(store, host, []).run(max_trials=3)
                assert states(store) == ["COMPLETE"] * 3
            assert os.sched_getaffinity(0) == before
        assert raylet.is_running()


def check_cancel(executor, store, result):
    """A job that hangs is ended, and its slot takes the next one."""
    request = TrialRequest(
        99, 0, configuration_to_json(result.configuration), result.digest, str(store.make_trial_folder(99)), 0
    )
    executor.submit("build", request)
    executor.cancel(99)
    executor.submit("build", replace(request, number=100))
    ended = []
    while not ended:
        ended = executor.wait(1.0)
    assert [(job.request.number, job.fault, job.error) for job in ended] == [(100, None, None)]


def test_an_address_that_nobody_answers():
    with pytest.raises(InputError, match="must be a running Ray cluster"):
        HostedRay(FormulaEvaluator({}), Resources(ray_address="127.0.0.1:1"))


@pytest.mark.faults
def test_a_killed_controller_leaves_nothing_running_and_its_study_goes_on(tmp_path):
    StudyStore.create(tmp_path, "s", Problem()).close()
    driver = _drive(tmp_path, delay_s=0.2)
    finished = 0
    for line in driver.stdout:
        finished += line.startswith("finished")
        if finished == 3:
            break
    working = [process for process in psutil.Process(driver.pid).children(recursive=True) if not is_agent(process)]
    assert StudyStore.read(tmp_path, "s").state() == "running"
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    driver.stdout.close()
    assert len(working) > 3
    assert not psutil.wait_procs(working, timeout=20)[1]
    assert StudyStore.read(tmp_path, "s").state() == "interrupted"
    kept = {result.trial: result for result in StudyStore.read(tmp_path, "s").results()}
    assert len(kept) >= 3

    driver = _drive(tmp_path, delay_s=0.0)
    output, _ = driver.communicate(timeout=120)
    assert driver.returncode == 0, output
    with StudyStore.resume(tmp_path, "s") as store:
        study = store.optuna_study([objective.direction for objective in OBJECTIVES])
        trials = study.get_trials(deepcopy=False)
        complete = [trial for trial in trials if trial.state == optuna.trial.TrialState.COMPLETE]
        measured = [trial for trial in complete if "duplicate_of" not in trial.user_attrs]
        assert len(measured) == 12
        assert not [trial for trial in trials if not trial.state.is_finished()]
        results = {result.trial: result for result in store.results()}
        assert all(results[number] == result for number, result in kept.items())
        for trial in measured:
            figures = results[trial.number].figures
            assert trial.values == [figures.validation.value, figures.latency_ms.mean, figures.size_bytes]


def _drive(folder: Path, delay_s: float) -> subprocess.Popen:
    script = Path(__file__).with_name("search_driver.py")
    return subprocess.Popen([sys.executable, str(script), str(folder), str(delay_s)], stdout=subprocess.PIPE, text=True)
