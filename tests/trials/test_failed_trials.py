"""Trials that fail, are lost, hang or find no room on the disk: the controller reports them, and the study goes on."""

import time

import pytest
from search_parts import Lab

from autocompress.students.configuration import configuration_from_json
from autocompress.study.store import StudyStore
from autocompress.system.errors import AutocompressError, MeasurementError, StorageError


def test_faults_of_a_configuration_are_told_as_the_worst(lab):
    controller = lab.controller({2: "memory", 3: "diverged", 4: "reason"})
    controller.run(max_trials=6)
    trials = [trial for trial in lab.trials() if "duplicate_of" not in trial.user_attrs]
    worst = [
        min(t.values[0] for t in trials[:2]),
        max(t.values[1] for t in trials[:2]),
        max(t.values[2] for t in trials[:2]),
    ]
    for trial, reason in zip(trials[2:5], ("too wide", "does not load", "no figures"), strict=True):
        assert trial.values == worst
        assert trial.constraints == {"failed": 1.0, "max_latency": 1.0}
        result = lab.store.result(trial.number)
        assert result.figures is None and reason in result.reason
    assert lab.store.counts() == {"complete": 3, "failed": 3, "running": 0}
    assert controller.finished == 6


def test_a_first_trial_that_fails_has_finite_values(lab):
    lab.controller({0: "memory"}).run(max_trials=1)
    assert lab.trials()[0].values == [0.0, 1e12, 1e12]


def test_a_fault_of_the_machine_is_tried_three_times(lab):
    controller = lab.controller({1: "bug"})
    controller.run(max_trials=3)
    assert [event.kind for event in lab.events if event.number == 1] == ["started", "retried", "retried", "lost"]
    assert lab.trials()[1].state.name == "FAIL"
    assert lab.store.result(1).reason.startswith("lost: 3 attempts")
    assert controller.finished == 3
    known = controller.finished
    lab.controller().run(max_trials=known, enqueue=[lab.store.result(1).configuration])
    assert lab.executor.done == []


def test_faults_without_end_stop_the_search(lab):
    controller = lab.controller(dict.fromkeys(range(9), "bug"))
    with pytest.raises(MeasurementError, match="3 trials in a row were lost"):
        controller.run(max_trials=9)


def test_an_error_of_the_user_ends_the_search_and_the_study_goes_on(lab):
    controller = lab.controller({1: "input"})
    with pytest.raises(AutocompressError, match="stop here"):
        controller.run(max_trials=4)
    lab.controller().run(max_trials=4)
    assert [trial.state.name for trial in lab.trials()] == ["COMPLETE"] * len(lab.trials())


def test_what_hangs_past_the_deadline_is_given_up(lab):
    controller = lab.controller(overrun_s=0.0)
    controller.run(max_trials=1)
    lab.executor.wait = lambda timeout_s: time.sleep(0.02) or []
    controller.run(deadline=time.monotonic() + 0.1)
    assert {trial.state.name for trial in lab.trials()[1:]} == {"FAIL"}
    assert [event.kind for event in lab.events].count("discarded") == len(lab.trials()) - 1
    assert lab.store.counts()["running"] == len(lab.trials()) - 1
    lab.store.remove_given_up()
    assert lab.store.counts() == {"complete": 1, "failed": 0, "running": 0}
    given_up = configuration_from_json(lab.trials()[1].user_attrs["configuration"])
    lab.controller().run(max_trials=2, enqueue=[given_up])
    assert lab.store.results()[-1].configuration == given_up


def test_a_job_that_hangs_is_the_configurations_fault(lab):
    controller = lab.controller({0: "hang"}, job_s=0.0)
    lab.executor.wait = lambda timeout_s: time.sleep(0.01) or []
    controller.run(max_trials=1)
    assert lab.store.result(0).reason == "ran longer than 0 s"
    assert not lab.executor.jobs
    assert lab.trials()[0].constraints["failed"] == 1.0


def test_a_full_disk_is_told_in_one_line(lab, monkeypatch):
    controller = lab.controller()
    controller.run(max_trials=1)
    connection = controller._ledger.study._storage._backend.engine.raw_connection()
    pages = connection.cursor().execute("PRAGMA page_count").fetchone()[0]
    connection.cursor().execute(f"PRAGMA max_page_count={pages}")
    connection.close()
    with pytest.raises(StorageError, match="must be writable"):
        controller.run(max_trials=30)


def test_a_study_on_a_full_disk_goes_on_when_there_is_room_again(small_disk):
    lab = Lab(small_disk.folder / "studies")
    controller = lab.controller()

    def fill(event):
        if event.kind == "finished" and event.finished == 3:
            small_disk.fill()

    controller._on_event = fill
    with pytest.raises(StorageError, match=r"must be writable, but .*; free some space"):
        controller.run(max_trials=8)
    lab.close()
    read = StudyStore.read(lab.folder, "s")
    before = {result.trial: result for result in read.results()}
    assert len(before) >= 3 and read.state() == "interrupted"
    small_disk.free()
    lab.controller().run(max_trials=8)
    after = {result.trial: result for result in lab.store.results()}
    assert len(after) == 8 and {number: after[number] for number in before} == before
    assert {trial.state.name for trial in lab.trials()} <= {"COMPLETE", "FAIL"}
    lab.close()
