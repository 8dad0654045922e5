"""A problem keeps its value through JSON, refuses what cannot be asked, and tells how two differ."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autocompress.domain.problem import LATENCY_STATISTICS, Constraints, DataSource, Problem, Target, differences
from autocompress.system.errors import InputError

NAMES = st.text(min_size=1, max_size=12).filter(str.strip)
MAYBE = st.none() | NAMES
COLUMNS = st.none() | st.lists(NAMES, min_size=1, max_size=2).map(tuple)
BYTES = st.none() | st.integers(1, 10**12)
SOURCES = st.just(DataSource()) | st.builds(DataSource, NAMES, MAYBE, MAYBE, COLUMNS, MAYBE)
TARGETS = st.builds(Target, st.integers(1, 64), st.integers(1, 64), st.sampled_from(LATENCY_STATISTICS))
CONSTRAINTS = st.builds(
    Constraints,
    st.none() | st.floats(1e-3, 1e6),
    BYTES,
    BYTES,
    st.none() | st.floats(0, 100),
    st.none() | st.floats(0, 1),
)
PROBLEMS = st.builds(
    Problem,
    model=MAYBE,
    data=SOURCES,
    target=TARGETS,
    constraints=CONSTRAINTS,
    time_budget_s=st.floats(120, 1e6),
    trials=st.none() | st.integers(1, 10_000),
    space=NAMES,
    sampler=NAMES,
    workers=st.none() | st.integers(1, 64),
    ray_address=MAYBE,
    seed=st.integers(0, 2**31),
    student=MAYBE,
)


@given(PROBLEMS)
def test_json_gives_the_equal_value_back(problem: Problem):
    assert Problem.from_json(json.loads(json.dumps(problem.to_json(), allow_nan=False))) == problem


@given(PROBLEMS)
def test_a_problem_does_not_differ_from_itself(problem: Problem):
    assert differences(problem, replace(problem)) == []


@given(PROBLEMS, PROBLEMS)
def test_only_what_may_change_freely_is_no_difference(old: Problem, new: Problem):
    budget = {name: getattr(old, name) for name in ("time_budget_s", "trials", "workers", "ray_address")}
    assert (differences(old, new) == []) == (replace(new, **budget) == old)


def test_problems_of_before_there_was_a_student_checkpoint_read_and_write_the_same():
    fields = json.loads(
        '{"version": 1, "model": "a", "data": {"train": "t.csv", "validation": null, "test": null, '
        '"text_columns": null, "label_column": null, "task": null}, "target": {"batch_size": 1, "threads": 1, '
        '"latency_statistic": "p95"}, "constraints": {"max_latency_ms": 2.0, "max_size_bytes": null, '
        '"max_memory_bytes": null, "max_drop": null, "min_quality": null}, '
        '"time_budget_s": 900.0, "trials": null, "space": "joint", "sampler": "surrogate", '
        '"workers": null, "ray_address": null, "seed": 0, "accept_teacher": false}'
    )
    problem = Problem.from_json(fields)
    assert problem.student is None and problem.to_json() == fields
    assert list(problem.to_json()) == list(fields), "the bytes of problem.json are the same too"
    assert replace(problem, student="b").to_json() == {**fields, "student": "b"}
    assert differences(problem, replace(problem, student="b")) == ["student: None -> b"]


def test_differences_name_the_field_and_both_values():
    old = Problem(model="a", constraints=Constraints(max_latency_ms=20.0), time_budget_s=120.0)
    new = Problem(model="b", constraints=Constraints(max_latency_ms=10.0), target=Target(threads=2), trials=9)
    assert differences(old, new) == [
        "model: a -> b",
        "target.threads: 1 -> 2",
        "constraints.max_latency_ms: 20.0 -> 10.0",
    ]


REFUSED: list[tuple[str, Any]] = [
    ("max_latency_ms must be greater than zero", lambda: Constraints(max_latency_ms=0.0)),
    ("max_latency_ms must be greater than zero", lambda: Constraints(max_latency_ms=float("nan"))),
    ("max_size_bytes must be greater than zero", lambda: Constraints(max_size_bytes=-1)),
    ("max_memory_bytes must be greater than zero", lambda: Constraints(max_memory_bytes=0)),
    ("0 <= max drop <= 100", lambda: Constraints(max_drop=101.0)),
    ("0 <= max drop <= 100", lambda: Constraints(max_drop=float("nan"))),
    ("a fraction: 0.87 for 87%", lambda: Constraints(min_quality=87.0)),
    ("batch_size must be at least 1", lambda: Target(batch_size=0)),
    ("threads must be at least 1", lambda: Target(threads=0)),
    ("latency statistic must be one of mean, p50, p95", lambda: Target(latency_statistic="p42")),
    ("the time budget must be at least 2m", lambda: Problem(time_budget_s=119.0)),
    ("the time budget must be at least 2m", lambda: Problem(time_budget_s=float("inf"))),
    ("trials must be at least 1", lambda: Problem(trials=0)),
    ("workers must be at least 1", lambda: Problem(workers=0)),
    ("seed <= 4294967295 must hold", lambda: Problem(seed=-1)),
    ("student must be a checkpoint folder or a hub name", lambda: Problem(student=" ")),
    ("problem version must be 1, but got None", lambda: Problem.from_json({})),
    ("version must be 1", lambda: Problem.from_json([])),
    ("not a Problem: 'colour'", lambda: Problem.from_json({**Problem().to_json(), "colour": "red"})),
]


@pytest.mark.parametrize(("message", "make"), REFUSED, ids=[message for message, _ in REFUSED])
def test_what_cannot_be_asked_is_refused_in_one_line(message: str, make: Any):
    with pytest.raises(InputError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
