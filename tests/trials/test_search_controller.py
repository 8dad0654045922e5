"""The controller over a real Optuna study in SQLite, with jobs of formulas in this process: what it runs and tells."""

import time
from dataclasses import replace

import pytest
from search_parts import CONSTRAINTS, OBJECTIVES, TINY

from autocompress.students.configuration import configuration_digest, configuration_from_json
from autocompress.students.transformer import dimensions
from autocompress.system.errors import StudyError
from autocompress.trials.samplers import SAMPLERS


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


def test_a_used_up_budget_still_gives_the_first_trial(lab):
    controller = lab.controller()
    controller.run(deadline=time.monotonic() - 100, enqueue=lab.space.initial_designs())
    assert controller.finished == 1
    assert [result.configuration for result in lab.store.results()] == lab.space.initial_designs()[:1]
    controller.run(deadline=time.monotonic() - 100, enqueue=lab.space.initial_designs())
    assert controller.finished == 1


def test_another_space_is_refused_without_a_stuck_trial(lab, monkeypatch):
    lab.controller(sampler="random").run(max_trials=2)
    monkeypatch.setattr(dimensions, "BITS", (8, 4))
    controller = lab.controller(sampler="random")
    with pytest.raises(StudyError, match="do not fit"):
        controller.run(max_trials=4)
    assert {trial.state.name for trial in lab.trials()} == {"COMPLETE", "FAIL"}


def test_the_overhead_is_counted(lab):
    controller = lab.controller()
    controller.run(max_trials=2)
    assert controller.overhead_s["ask"] > 0 and controller.overhead_s["commit"] > 0
