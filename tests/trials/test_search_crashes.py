"""A search that is killed at any write or in any job continues as one that was not interrupted."""

import pytest
from search_parts import Crash, Lab, formula_figures

WRITES = (
    "create_new_trial",
    "set_trial_param",
    "set_trial_user_attr",
    "set_trial_system_attr",
    "set_trial_state_values",
)


def told(trial):
    """What Optuna knows of a trial."""
    return trial.number, trial.state.name, trial.values, trial.params, trial.constraints


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The trials of a search that nothing interrupts, without their numbers."""
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
    """Continue the study: it ends as an uninterrupted one, but for a trial that was killed while it was asked for."""
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
