"""Which trials are refined and verified: by hand, against a reference written row by row, and laws."""

from dataclasses import replace

import pytest
import selection_reference as reference
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autocompress.domain.figures import Figures, Latency, Quality
from autocompress.domain.problem import Constraints, Problem
from autocompress.pipeline.selection import HOPE, MOST_HOPE, Criteria, finalists, hope_by_latency, to_refine
from autocompress.students.bilstm.configuration import BiLSTMConfiguration
from autocompress.study.results import TrialResult
from autocompress.system.errors import InputError
from objectives import DEFAULT, constraints_for
from objectives.constraint import Constraint
from objectives.latency import LATENCY
from objectives.quality import QUALITY
from objectives.size import SIZE


def result(trial: int, quality: float, latency: float, size: int = 1000) -> TrialResult:
    figures = Figures(
        validation=Quality("accuracy", quality, (quality, quality), 100),
        latency_ms=Latency(latency, latency, latency, (latency, latency), 200, 1.0),
        size_bytes=size,
        memory_bytes=10**8,
    )
    return TrialResult(trial, 0, BiLSTMConfiguration(8, 8, 1, 100 + trial), figures)


def constraint(**asked: float) -> Constraint:
    (only,) = constraints_for(Problem(constraints=Constraints(**asked)), None)  # type: ignore[arg-type]
    return only


FAST = constraint(max_latency_ms=2.0)
GOOD = constraint(min_quality=0.85)


def by(*constraints: Constraint, teacher: float = 0.9, guessing: float = 0.0) -> Criteria:
    return Criteria(DEFAULT, constraints, teacher, guessing)


def numbers(results: list[TrialResult]) -> list[int]:
    return sorted(r.trial for r in results)


def test_refining_keeps_to_what_training_cannot_change_and_to_what_it_can_reach():
    results = [result(0, 0.9, 3.0), result(1, 0.84, 1.0), result(2, 0.815, 1.5), result(3, 0.5, 0.1)]
    assert numbers(to_refine(results, by(FAST, GOOD), 4, reach=0.07)) == [1]
    assert to_refine(results, by(FAST, GOOD), 0, reach=0.07) == []
    assert to_refine(results[:1], by(FAST), 4, reach=0.07) == []


def test_what_may_add_most_is_refined_first_and_near_twins_are_not():
    results = [result(0, 0.90, 8.0), result(1, 0.88, 0.1), result(2, 0.879, 0.101), result(3, 0.85, 0.05)]
    assert [r.trial for r in to_refine(results, by(), 4, reach=0.06)] == [1, 3]


def test_what_training_cannot_bring_to_the_front_is_not_refined():
    results = [result(0, 0.88, 0.1, 900), result(1, 0.87, 1.0), result(2, 0.85, 2.0), result(3, 0.86, 0.05)]
    assert numbers(to_refine(results, by(), 8, reach=0.2)) == [0, 3]
    assert numbers(to_refine(results, by(), 8, reach=0.2, beside=[result(9, 0.9, 0.09, 850)])) == [3]


def test_what_has_the_teachers_quality_is_refined_no_further():
    results = [result(0, 0.9, 1.0), result(1, 0.91, 2.0), result(2, 0.88, 0.5)]
    assert numbers(to_refine(results, by(), 8, reach=0.2)) == [2]


def test_a_small_file_is_worth_a_training_as_a_fast_one_is():
    results = [result(0, 0.90, 4.0, 9000), result(1, 0.88, 0.4, 9000), result(2, 0.87, 0.5, 90)]
    assert [r.trial for r in to_refine(results, by(), 8, reach=0.2)] == [1, 2]


def test_finalists_meet_the_constraints_where_any_does():
    results = [result(0, 0.95, 3.0), result(1, 0.86, 1.0), result(2, 0.8, 0.5)]
    assert numbers(finalists(results, by(FAST, GOOD), 5)) == [1]
    slow = [result(0, 0.95, 3.0), result(1, 0.8, 2.5)]
    assert numbers(finalists(slow, by(FAST), 5)) == [0, 1]


@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.floats(0.01, 10), st.integers(1, 10**6)), min_size=1, max_size=30, unique=True
    ),
    st.integers(3, 8),
)
@example([(0.0, 0.010000000000000002, 1), (0.0, 0.01, 1)], 3)  # latencies whose logarithms are equal
def test_finalists_hold_the_best_of_each_objective_and_no_dominated_point(rows, count):
    results = [result(i, *row) for i, row in enumerate(rows)]
    chosen = finalists(results, by(), count)
    assert 1 <= len(chosen) <= max(count, 3) and len(set(numbers(chosen))) == len(chosen)
    picked = [rows[r.trial] for r in chosen]
    assert max(q for q, _, _ in picked) == max(q for q, _, _ in rows)
    assert min(t for _, t, _ in picked) == min(t for _, t, _ in rows)
    assert min(s for _, _, s in picked) == min(s for _, _, s in rows)
    for quality, latency, size in picked:
        assert not any(
            q >= quality and t <= latency and s <= size and (q, t, s) != (quality, latency, size) for q, t, s in rows
        )


def test_the_fast_and_good_are_finalists_however_many_are_tiny():
    tiny = [result(i, 0.85 + 0.002 * i, 0.01 + 0.001 * i, 60 + 20 * i) for i in range(12)]
    fast, best = result(20, 0.895, 0.03, 11_000), result(21, 0.9, 1.0, 22_000)
    small = result(22, 0.89, 0.8, 900)
    chosen = numbers(finalists([*tiny, fast, best, small], by(), 5))
    assert {20, 21, 22} <= set(chosen) and len(chosen) == 5


def test_what_nobody_would_choose_is_no_finalist_unless_there_is_nothing_else():
    results = [result(0, 0.9, 1.0), result(1, 0.4, 0.1), result(2, 0.85, 0.5)]
    assert numbers(finalists(results, by(guessing=0.45), 5, floor=0.8)) == [0, 2]
    assert numbers(finalists(results[1:2], by(), 5, floor=0.8)) == [1]


def test_where_all_are_far_from_the_teacher_the_best_of_them_are_refined():
    results = [result(0, 0.5, 1.0), result(1, 0.47, 0.5), result(2, 0.2, 0.1)]
    assert numbers(to_refine(results, by(guessing=0.25), 4, reach=0.06)) == [0, 1]


def test_what_is_faster_than_all_near_ones_is_refined_unless_a_quality_is_asked_for():
    results = [result(0, 0.89, 1.0), result(1, 0.7, 0.1), result(2, 0.6, 2.0), result(3, 0.3, 0.05)]
    assert numbers(to_refine(results, by(guessing=0.35), 4, reach=0.03)) == [0, 1]
    assert numbers(to_refine(results, by(GOOD, guessing=0.35), 4, reach=0.03)) == [0]


def test_what_little_is_hoped_of_is_refined_last():
    results = [result(0, 0.87, 1.0), result(1, 0.86, 0.5)]
    for hopes in ({0: 0.5, 1: 0.0}, {0: 0.0, 1: 0.5}):
        chosen = to_refine(results, by(), 1, reach=0.06, beside=results, hope_of=lambda one, h=hopes: h[one.trial])
        assert numbers(chosen) == [max(hopes, key=hopes.__getitem__)]


def test_a_part_of_the_finalists_is_the_fast_end_whatever_it_costs():
    near = [result(i, 0.90 - 0.004 * i, 1.0 / (i + 1), 9000 - 1000 * i) for i in range(6)]
    fast = [result(10, 0.75, 0.08, 500), result(11, 0.6, 0.04, 400), result(12, 0.26, 0.01, 100)]
    slow = result(13, 0.8, 2.0, 50)
    chosen = numbers(finalists([*near, *fast, slow], by(guessing=0.25), 6, floor=0.84))
    assert len(chosen) == 6 and len({10, 11, 12} & set(chosen)) == 1 and 13 not in chosen
    assert 12 not in numbers(finalists([*near, *fast], by(guessing=0.3), 12, floor=0.84))
    assert numbers(finalists([*near, *fast], by(GOOD), 12, floor=0.84)) == numbers(near)
    tight = constraint(max_latency_ms=0.05)
    assert numbers(finalists([*near, *fast], by(tight, guessing=0.3), 12, floor=0.84)) == [11, 12]


ROWS = st.lists(
    st.tuples(st.integers(0, 40).map(lambda n: n / 40), st.floats(0.01, 10), st.integers(1, 10**6)), max_size=14
)
CONSTRAINTS = st.sampled_from([(), (FAST,), (GOOD,), (FAST, GOOD)])


def worth(guessing: float) -> float:
    """The quality of use to anybody, half of the way from guessing to the teacher's 0.9."""
    return guessing + 0.5 * (0.9 - guessing)


def rows_of(results: list[TrialResult]) -> list[reference.Row]:
    return [(r.figures.validation.value, r.figures.latency_ms.mean, r.figures.size_bytes) for r in results if r.figures]


@settings(max_examples=60)
@given(ROWS, ROWS, CONSTRAINTS, st.integers(0, 6), st.sampled_from([0.03, 0.3]), st.sampled_from([0.0, 0.4]))
def test_what_is_refined_is_what_the_reference_says(rows, beside, constraints, count, reach, guessing):
    others = [replace(result(99, 0.5, 1.0), figures=None), *(result(50 + i, *row) for i, row in enumerate(beside))]
    chosen = to_refine(
        [result(i, *row) for i, row in enumerate(rows)], by(*constraints, guessing=guessing), count, reach, others
    )
    allowed = [row for row in rows if FAST not in constraints or row[1] <= 2.0]
    free = GOOD not in constraints
    assert rows_of(chosen) == reference.to_refine(allowed, beside, count, reach, 0.9, worth(guessing), free)


@settings(max_examples=60)
@given(ROWS, CONSTRAINTS, st.integers(0, 8), st.sampled_from([0.0, 0.5, 0.9]), st.sampled_from([0.0, 0.4]))
def test_finalists_are_what_the_reference_says(rows, constraints, count, floor, guessing):
    chosen = finalists(
        [result(i, *row) for i, row in enumerate(rows)], by(*constraints, guessing=guessing), count, floor
    )
    kept = [r for r in rows if (FAST not in constraints or r[1] <= 2.0) and (GOOD not in constraints or r[0] >= 0.85)]
    assert rows_of(chosen) == reference.finalists(kept or rows, count, floor, worth(guessing))


@given(ROWS, st.integers(0, 6))
def test_the_place_of_the_quality_among_the_objectives_does_not_matter(rows, count):
    results = [result(i, *row) for i, row in enumerate(rows)]
    moved = replace(by(guessing=0.4), objectives=(LATENCY, QUALITY, SIZE))
    assert to_refine(results, moved, count, 0.3) == to_refine(results, by(guessing=0.4), count, 0.3)
    assert set(numbers(finalists(results, moved, 99, 0.5))) == set(
        numbers(finalists(results, by(guessing=0.4), 99, 0.5))
    )


@pytest.mark.parametrize("objectives", [(LATENCY, SIZE), (QUALITY, QUALITY)])
def test_one_objective_must_be_a_quality(objectives):
    with pytest.raises(InputError, match="exactly one objective must be a quality"):
        Criteria(objectives, (), 0.9)


def test_most_is_hoped_of_slow_models_which_a_super_network_trains_rarely():
    results = [result(0, 0.8, 0.1), result(1, 0.8, 1.0), result(2, 0.8, 10.0)]
    hope = hope_by_latency(results)
    assert [hope(each) for each in results] == pytest.approx([HOPE, (HOPE + MOST_HOPE) / 2, MOST_HOPE])
    assert hope(result(3, 0.8, 0.01)) == HOPE and hope(result(4, 0.8, 99.0)) == MOST_HOPE
    assert hope_by_latency([])(results[0]) == hope_by_latency(results[:1])(results[0]) == HOPE
    equally_good = [result(number, 0.8, 10.0 ** (number - 1)) for number in range(3)]
    chosen = to_refine(equally_good, by(), 3, reach=0.2, hope_of=hope)
    assert len(chosen) == 3 and len(to_refine(equally_good, by(), 3, reach=0.2)) == 1
