"""The controller over a real Optuna study in SQLite, with jobs of formulas in this process."""

import time
from dataclasses import replace

import pytest
from search_parts import CONSTRAINTS, OBJECTIVES, TINY, Crash, Lab, formula_figures

from autocompress.students.configuration import configuration_digest, configuration_from_json
from autocompress.students.transformer import dimensions
from autocompress.study.store import StudyStore
from autocompress.system.errors import AutocompressError, MeasurementError, StorageError, StudyError
from autocompress.trials.samplers import SAMPLERS


def told(trial):
    return trial.number, trial.state.name, trial.values, trial.params, trial.constraints


@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
def test_every_trial_is_measured_once_and_told_as_its_file_says(lab, sampler):
    controller = lab.controller(space="joint", sampler=sampler)
    initial_designs = lab.space.initial_designs()[:3]
    controller.run(max_trials=8, enqueue=initial_designs)
    assert controller.finished == 8
    measured = [number for step, number in lab.executor.done if step == "measure"]
    assert len(set(measured)) == len(measured) == 8
    results = {result.trial: result for result in lab.store.results()}
    assert [results[number].configuration for number in range(3)] == initial_designs
    assert len({result.digest for result in results.values()}) == 8
    for trial in lab.trials():
        first = trial.user_attrs.get("duplicate_of", trial.number)
        figures = results[first].figures
        assert trial.state.name == "COMPLETE"
        assert trial.values == [objective.value(figures) for objective in OBJECTIVES]
        assert trial.constraints == {"failed": 0.0, "max_latency": CONSTRAINTS[0].violation(figures)}
        stored = configuration_from_json(trial.user_attrs["configuration"])
        assert configuration_digest(stored) == results[first].digest


def test_a_run_goes_on_where_the_last_one_stopped(lab):
    controller = lab.controller()
    controller.run(max_trials=2, enqueue=lab.space.initial_designs())
    controller.run(max_trials=5, enqueue=lab.space.initial_designs())
    again = lab.controller()
    assert again.finished == 5
    again.run(max_trials=5, enqueue=lab.space.initial_designs())
    assert lab.executor.done == []
    again.run(max_trials=6, enqueue=lab.space.initial_designs())
    assert again.finished == 6


def test_the_next_trial_is_built_while_one_is_measured(lab):
    lab.controller(window=2).run(max_trials=4)
    assert lab.executor.done[:4] == [("build", 0), ("measure", 0), ("build", 1), ("measure", 1)] or lab.executor.done[
        :4
    ] == [("build", 0), ("build", 1), ("measure", 0), ("measure", 1)]
    lab.close()


def test_with_a_window_of_one_nothing_overlaps(lab):
    lab.controller(window=1).run(max_trials=3)
    steps = [(step, number) for number in range(3) for step in ("build", "measure")]
    assert lab.executor.done == steps


def test_duplicates_take_the_values_of_the_first_until_the_space_is_exhausted(lab):
    """The sparsity of one layer has 8 values, so random search soon repeats itself."""
    controller = lab.controller(space="sparsity", sampler="random", shape=replace(TINY, num_hidden_layers=1))
    controller.run(max_trials=60)
    trials = lab.trials()
    assert controller.finished == 8
    copies = [trial for trial in trials if "duplicate_of" in trial.user_attrs]
    assert copies and all(trial.state.name == "COMPLETE" for trial in trials)
    for copy in copies:
        original = trials[copy.user_attrs["duplicate_of"]]
        assert "duplicate_of" not in original.user_attrs
        assert (copy.values, copy.constraints) == (original.values, original.constraints)
        assert lab.store.result(copy.number) is None
    assert len([step for step, _ in lab.executor.done if step == "measure"]) == 8


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


def test_a_used_up_budget_still_gives_the_first_trial(lab):
    controller = lab.controller()
    controller.run(deadline=time.monotonic() - 100, enqueue=lab.space.initial_designs())
    assert controller.finished == 1
    assert [result.configuration for result in lab.store.results()] == lab.space.initial_designs()[:1]
    controller.run(deadline=time.monotonic() - 100, enqueue=lab.space.initial_designs())
    assert controller.finished == 1


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


def test_another_space_is_refused_without_a_stuck_trial(lab, monkeypatch):
    lab.controller(sampler="random").run(max_trials=2)
    monkeypatch.setattr(dimensions, "BITS", (8, 4))
    controller = lab.controller(sampler="random")
    with pytest.raises(StudyError, match="do not fit"):
        controller.run(max_trials=4)
    assert {trial.state.name for trial in lab.trials()} == {"COMPLETE", "FAIL"}


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


def test_interrupting_leaves_a_study_that_goes_on(lab):
    controller = lab.controller()

    def interrupt(event):
        if event.kind == "finished" and event.finished == 2:
            raise KeyboardInterrupt

    controller._on_event = interrupt
    with pytest.raises(KeyboardInterrupt):
        controller.run(max_trials=5)
    assert not lab.executor.jobs
    lab.controller().run(max_trials=5)
    assert {trial.state.name for trial in lab.trials()} == {"COMPLETE"}


WRITES = (
    "create_new_trial",
    "set_trial_param",
    "set_trial_user_attr",
    "set_trial_system_attr",
    "set_trial_state_values",
)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    lab = Lab(tmp_path_factory.mktemp("uninterrupted"))
    six_trials(lab)
    trials = [told(trial)[1:] for trial in lab.trials()]
    lab.close()
    return trials


def six_trials(lab, faults=None, prepare=lambda controller: None):
    controller = lab.controller(faults, sampler="random")
    prepare(controller)
    controller.run(max_trials=6, enqueue=lab.space.initial_designs()[:2])


def check_continued(lab, uninterrupted):
    """Continued, the study ends as one that was not interrupted, but for a trial that died while it was asked for."""
    six_trials(lab)
    trials = lab.trials()
    assert all(trial.state.is_finished() for trial in trials)
    died = [trial.number for trial in trials if trial.state.name == "FAIL"]
    assert len(died) <= 1
    assert [told(trial)[1:] for trial in trials if trial.number not in died] == uninterrupted
    for result in lab.store.results():
        assert result.figures == formula_figures(result.digest)


@pytest.mark.parametrize(("write", "after"), [(write, write % 2 == 0) for write in range(1, 49)])
def test_a_crash_at_a_write_to_the_storage(lab, monkeypatch, uninterrupted, write, after):
    writes = []

    def count(storage, name):
        method = getattr(storage, name)

        def counted(*args, **kwargs):
            writes.append(name)
            here = len(writes) == write
            if here and not after:
                raise Crash
            value = method(*args, **kwargs)
            if here:
                raise Crash
            return value

        monkeypatch.setattr(storage, name, counted)

    def prepare(controller):
        for name in WRITES:
            count(controller._ledger.study._storage, name)

    with pytest.raises(Crash):
        six_trials(lab, prepare=prepare)
    check_continued(lab, uninterrupted)


@pytest.mark.parametrize("fault", ["crash", "crash in measure"])
def test_a_crash_in_a_job(lab, uninterrupted, fault):
    with pytest.raises(Crash):
        six_trials(lab, {2: fault})
    check_continued(lab, uninterrupted)


@pytest.mark.parametrize("sampler", ["nsga2", "surrogate", "tpe"])
def test_samplers_that_learn_ask_the_same_after_an_interruption(lab, second_lab, sampler):
    controller = lab.controller(sampler=sampler)
    controller.run(max_trials=24)
    expected = [told(trial) for trial in lab.trials()]
    controller = second_lab.controller(dict.fromkeys(range(20, 24), "crash in measure"), sampler=sampler)
    with pytest.raises(Crash):
        controller.run(max_trials=24)
    second_lab.controller(sampler=sampler).run(max_trials=24)
    assert [told(trial) for trial in second_lab.trials()] == expected


def test_a_result_file_of_another_configuration_does_not_count(lab):
    controller = lab.controller({1: "crash"})
    with pytest.raises(Crash):
        controller.run(max_trials=3)
    other = lab.store.result(0).to_json()
    lab.store.write_result(type(lab.store.result(0)).from_json({**other, "trial": 1}))
    lab.controller().run(max_trials=3)
    result = lab.store.result(1)
    assert result.digest != other["digest"]
    assert lab.trials()[1].values[0] == result.figures.validation.value


def test_the_overhead_is_counted(lab):
    controller = lab.controller()
    controller.run(max_trials=2)
    assert controller.overhead_s["ask"] > 0 and controller.overhead_s["commit"] > 0
