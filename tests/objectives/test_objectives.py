"""The figures that objectives read and the bounds that constraints set, by hand."""

import pickle
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autocompress.domain.figures import Figures, Latency, Quality
from autocompress.domain.problem import LATENCY_STATISTICS, Constraints, Problem, Target
from objectives import DEFAULT, OBJECTIVES, constraints_for, feasible, tightest_bound
from objectives.latency import LATENCY
from objectives.memory import MEMORY
from objectives.quality import MAX_DROP, QUALITY

FIGURES = Figures(
    validation=Quality("accuracy", 0.90, (0.88, 0.92), 2000),
    latency_ms=Latency(2.0, 1.5, 4.0, (1.9, 2.1), 200, 0.98),
    size_bytes=12_000_000,
    memory_bytes=90_000_000,
)
ALL = Constraints(max_latency_ms=2.0, max_size_bytes=10**7, max_memory_bytes=10**8, max_drop=1.0, min_quality=0.8)


def test_objectives_read_their_figure():
    values = {name: (objective.direction, objective.value(FIGURES)) for name, objective in OBJECTIVES.items()}
    assert values == {
        "quality": ("maximize", 0.90),
        "latency": ("minimize", 2.0),
        "size": ("minimize", 12e6),
        "memory": ("minimize", 90e6),
    }
    assert [objective.name for objective in DEFAULT] == ["quality", "latency", "size"]


def test_violations_by_hand():
    problem = Problem(constraints=ALL, target=Target(latency_statistic="p95"))
    found = {c.name: c.violation(FIGURES) for c in constraints_for(problem, teacher_quality=0.92)}
    assert found == pytest.approx(
        {
            "max_latency": 1.0,
            "max_size": 0.2,
            "max_memory": -0.1,
            "max_drop": (0.91 - 0.90) / 0.91,
            "min_quality": (0.8 - 0.9) / 0.8,
        },
        abs=1e-8,
    )


@pytest.mark.parametrize(("statistic", "met"), [("mean", True), ("p50", True), ("p95", False)])
def test_latency_is_held_against_the_chosen_statistic(statistic, met):
    problem = Problem(constraints=Constraints(max_latency_ms=2.0), target=Target(latency_statistic=statistic))
    (constraint,) = constraints_for(problem, None)
    assert (constraint.violation(FIGURES) <= 0) is met
    assert statistic in LATENCY_STATISTICS


def test_figures_are_feasible_where_no_constraint_is_broken():
    relaxed = replace(ALL, max_latency_ms=9.0, max_size_bytes=10**8, max_drop=5.0)
    assert feasible(constraints_for(Problem(constraints=relaxed), 0.92), FIGURES)
    for broken in ({"max_latency_ms": 2.0}, {"max_size_bytes": 10**7}, {"max_drop": 1.0}):
        assert not feasible(constraints_for(Problem(constraints=replace(relaxed, **broken)), 0.92), FIGURES)
    assert feasible([], FIGURES)


def test_bounds_by_hand():
    constraints = constraints_for(Problem(constraints=ALL), 0.92)
    assert [(constraint.objective.name, constraint.bound, constraint.label) for constraint in constraints] == [
        ("latency", 2.0, "p95 latency (--max-latency)"),
        ("size", 1e7, "size (--max-size)"),
        ("memory", 1e8, "memory (--max-memory)"),
        ("quality", pytest.approx(0.91), "quality (--max-drop 1.0)"),
        ("quality", 0.8, "quality (--min-quality)"),
    ]
    assert [constraint.value(FIGURES) for constraint in constraints] == [4.0, 12e6, 90e6, 0.90, 0.90]


def test_the_tightest_bound_is_the_highest_floor_or_the_lowest_ceiling():
    constraints = constraints_for(Problem(constraints=ALL), 0.92)
    assert tightest_bound(constraints, QUALITY) == pytest.approx(0.91)
    assert tightest_bound(constraints[-1:], QUALITY) == 0.8
    assert tightest_bound([replace(constraints[0], bound=5.0), constraints[0]], LATENCY) == 2.0
    assert tightest_bound(constraints[:2], MEMORY) is None


def test_nothing_asked_and_no_teacher():
    assert constraints_for(Problem(), 0.9) == []
    assert [c.name for c in constraints_for(Problem(constraints=ALL), None)] == [
        "max_latency",
        "max_size",
        "max_memory",
        "min_quality",
    ]


def test_everything_travels_to_a_worker():
    constraints = constraints_for(Problem(constraints=ALL), 0.92)
    sent = pickle.dumps((list(OBJECTIVES.values()), constraints))
    objectives, there = pickle.loads(sent)  # noqa: S301 (what this test itself wrote)
    assert objectives == list(OBJECTIVES.values())
    assert [c.violation(FIGURES) for c in there] == [c.violation(FIGURES) for c in constraints]


@given(st.integers(1, 3000), st.data())
def test_a_drop_of_exactly_the_allowed_points_is_allowed(count, data):
    teacher = data.draw(st.integers(0, count))
    lost = data.draw(st.integers(0, teacher))
    problem = Problem(constraints=Constraints(max_drop=100 * lost / count))
    constraint = MAX_DROP.constraint(problem, teacher / count)

    def at(correct):
        return constraint.violation(replace(FIGURES, validation=replace(FIGURES.validation, value=correct / count)))

    assert at(teacher - lost) <= 0
    assert at(teacher - lost - 1) > 0
