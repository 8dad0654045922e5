"""The trials between ask and commit: which jobs start, and how a trial ends, against an executor that only notes."""

import pytest
from search_parts import TINY, FormulaEvaluator, InlineExecutor

from autocompress.domain.problem import Problem
from autocompress.study.store import StudyStore
from autocompress.system.errors import InputError
from autocompress.trials.flights import Flights, Step
from autocompress.trials.jobs import is_lost, lost_result
from autocompress.trials.ledger import OpenTrial
from autocompress.trials.settings import TimeLimits
from search_spaces import SEARCH_SPACES

DESIGNS = SEARCH_SPACES["joint"](TINY).initial_designs()


@pytest.fixture
def store(tmp_path):
    with StudyStore.create(tmp_path, "s", Problem()) as store:
        yield store


def three_flights(store: StudyStore, window: int = 4):
    executor = InlineExecutor(FormulaEvaluator({}), window)
    flights = Flights(store, executor, seed=0)
    return executor, flights, [flights.add(OpenTrial(number, DESIGNS[number])) for number in range(3)]


def jobs(executor: InlineExecutor) -> list[tuple[str, int]]:
    return [(step, request.number) for step, request in executor.jobs]


def test_one_trial_is_measured_and_as_many_built_as_there_are_builders(store):
    executor, flights, (first, second, third) = three_flights(store, window=3)
    assert executor.builders == 2 and not flights.has_room
    flights.dispatch()
    flights.dispatch()
    assert jobs(executor) == [("build", 0), ("build", 1)]
    first.step = second.step = Step.BUILT
    flights.dispatch()
    assert jobs(executor)[2:] == [("measure", 0), ("build", 2)]
    assert [first.step, second.step, third.step] == [Step.MEASURING, Step.BUILT, Step.BUILDING]


def test_a_trial_is_tried_three_times_and_then_lost_with_its_result_on_disk(store):
    _, flights, (first, *_) = three_flights(store)
    stale = first.request
    assert flights.retry(first, "a fault") and flights.retry(first, "a fault")
    assert first.step is Step.WAITING and first.request.attempt == 2
    assert flights.of(stale) is None and flights.of(first.request) is first
    assert not flights.retry(first, "the last")
    assert first.step is Step.LOST and store.result(0) == first.result and is_lost(first.result)


def test_a_job_that_hangs_ends_its_trial_and_others_go_on(store):
    executor, flights, (first, second, third) = three_flights(store, window=3)
    flights.dispatch()
    first.started -= 100
    flights.end_hanging(50.0)
    assert [first.step, second.step, third.step] == [Step.DONE, Step.BUILDING, Step.WAITING]
    assert store.result(0) == first.result and not is_lost(first.result)
    assert jobs(executor) == [("build", 1)]


def test_jobs_that_are_cancelled_are_built_again(store):
    executor, flights, (first, second, third) = three_flights(store, window=3)
    flights.dispatch()
    third.step = Step.BUILT
    flights.cancel_all()
    assert not executor.jobs
    assert [first.step, second.step, third.step] == [Step.WAITING, Step.WAITING, Step.BUILT]


def test_what_was_discarded_has_left_and_a_trial_with_a_result_is_at_its_end(store):
    executor, flights, (first, second, _) = three_flights(store)
    flights.dispatch()
    flights.discard(second)
    assert [flight.trial.number for flight in flights] == [0, 2] and len(flights) == 2
    assert ("build", 1) not in jobs(executor) and flights.get(1) is None and flights.of(second.request) is None
    known = lost_result(first.request, "a fault")
    assert flights.add(OpenTrial(0, DESIGNS[0], known)).step is Step.LOST


@pytest.mark.parametrize("limits", [{"job_s": -1.0}, {"overrun_s": float("nan")}])
def test_limits_are_seconds_of_at_least_zero(limits):
    with pytest.raises(InputError, match="must be a number of seconds of at least 0"):
        TimeLimits(**limits)
