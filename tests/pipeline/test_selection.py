from hypothesis import example, given
from hypothesis import strategies as st

from autocompress.domain.figures import Figures, Latency, Quality
from autocompress.pipeline.selection import finalists, to_refine
from autocompress.students.bilstm.configuration import BiLSTMConfiguration
from autocompress.study.results import TrialResult
from objectives import DEFAULT
from objectives.objective import Constraint


def result(trial: int, quality: float, latency: float, size: int = 1000) -> TrialResult:
    figures = Figures(
        validation=Quality("accuracy", quality, (quality, quality), 100),
        latency_ms=Latency(latency, latency, latency, (latency, latency), 200, 1.0),
        size_bytes=size,
        memory_bytes=10**8,
    )
    return TrialResult(trial, 0, BiLSTMConfiguration(8, 8, 1, 100 + trial), figures)


FAST = Constraint("max_latency", 2.0, lambda figures: figures.latency_ms.p95 / 2.0 - 1.0)
GOOD = Constraint("min_quality", 0.85, lambda figures: (0.85 - figures.validation.value) / 0.85)


def numbers(results: list[TrialResult]) -> list[int]:
    return sorted(r.trial for r in results)


def test_refining_keeps_to_what_training_cannot_change_and_to_what_it_can_reach():
    results = [result(0, 0.9, 3.0), result(1, 0.84, 1.0), result(2, 0.815, 1.5), result(3, 0.5, 0.1)]
    assert numbers(to_refine(results, DEFAULT, 0.9, [FAST, GOOD], 4, reach=0.07)) == [1]
    assert to_refine(results, DEFAULT, 0.9, [FAST, GOOD], 0, reach=0.07) == []
    assert to_refine(results[:1], DEFAULT, 0.9, [FAST], 4, reach=0.07) == []


def test_what_may_add_most_is_refined_first_and_near_twins_are_not():
    results = [result(0, 0.90, 8.0), result(1, 0.88, 0.1), result(2, 0.879, 0.101), result(3, 0.85, 0.05)]
    assert [r.trial for r in to_refine(results, DEFAULT, 0.9, [], 4, reach=0.06)] == [1, 3]


def test_what_training_cannot_bring_to_the_front_is_not_refined():
    results = [result(0, 0.88, 0.1, 900), result(1, 0.87, 1.0), result(2, 0.85, 2.0), result(3, 0.86, 0.05)]
    assert numbers(to_refine(results, DEFAULT, 0.9, [], 8, reach=0.2)) == [0, 3]
    assert numbers(to_refine(results, DEFAULT, 0.9, [], 8, reach=0.2, beside=[result(9, 0.9, 0.09, 850)])) == [3]


def test_what_has_the_teachers_quality_is_refined_no_further():
    results = [result(0, 0.9, 1.0), result(1, 0.91, 2.0), result(2, 0.88, 0.5)]
    assert numbers(to_refine(results, DEFAULT, 0.9, [], 8, reach=0.2)) == [2]


def test_a_small_file_is_worth_a_training_as_a_fast_one_is():
    results = [result(0, 0.90, 4.0, 9000), result(1, 0.88, 0.4, 9000), result(2, 0.87, 0.5, 90)]
    assert [r.trial for r in to_refine(results, DEFAULT, 0.9, [], 8, reach=0.2)] == [1, 2]


def test_finalists_meet_the_constraints_where_any_does():
    results = [result(0, 0.95, 3.0), result(1, 0.86, 1.0), result(2, 0.8, 0.5)]
    assert numbers(finalists(results, DEFAULT, [FAST, GOOD], 5)) == [1]
    slow = [result(0, 0.95, 3.0), result(1, 0.8, 2.5)]
    assert numbers(finalists(slow, DEFAULT, [FAST], 5)) == [0, 1]


@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.floats(0.01, 10), st.integers(1, 10**6)), min_size=1, max_size=30, unique=True
    ),
    st.integers(3, 8),
)
@example([(0.0, 0.010000000000000002, 1), (0.0, 0.01, 1)], 3)  # latencies whose logarithms are equal
def test_finalists_hold_the_best_of_each_objective_and_no_dominated_point(rows, count):
    results = [result(i, *row) for i, row in enumerate(rows)]
    chosen = finalists(results, DEFAULT, [], count)
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
    chosen = numbers(finalists([*tiny, fast, best, small], DEFAULT, [], 5))
    assert {20, 21, 22} <= set(chosen) and len(chosen) == 5


def test_what_nobody_would_choose_is_no_finalist_unless_there_is_nothing_else():
    results = [result(0, 0.9, 1.0), result(1, 0.4, 0.1), result(2, 0.85, 0.5)]
    assert numbers(finalists(results, DEFAULT, [], 5, floor=0.8, least=0.45)) == [0, 2]
    assert numbers(finalists(results[1:2], DEFAULT, [], 5, floor=0.8)) == [1]


def test_where_all_are_far_from_the_teacher_the_best_of_them_are_refined():
    results = [result(0, 0.5, 1.0), result(1, 0.47, 0.5), result(2, 0.2, 0.1)]
    assert numbers(to_refine(results, DEFAULT, 0.9, [], 4, reach=0.06, least=0.25)) == [0, 1]


def test_what_is_faster_than_all_near_ones_is_refined_unless_a_quality_is_asked_for():
    results = [result(0, 0.89, 1.0), result(1, 0.7, 0.1), result(2, 0.6, 2.0), result(3, 0.3, 0.05)]
    assert numbers(to_refine(results, DEFAULT, 0.9, [], 4, reach=0.03, least=0.35)) == [0, 1]
    assert numbers(to_refine(results, DEFAULT, 0.9, [GOOD], 4, reach=0.03, least=0.35)) == [0]


def test_a_part_of_the_finalists_is_the_fast_end_whatever_it_costs():
    near = [result(i, 0.90 - 0.004 * i, 1.0 / (i + 1), 9000 - 1000 * i) for i in range(6)]
    fast = [result(10, 0.75, 0.08, 500), result(11, 0.6, 0.04, 400), result(12, 0.26, 0.01, 100)]
    slow = result(13, 0.8, 2.0, 50)
    chosen = numbers(finalists([*near, *fast, slow], DEFAULT, [], 6, floor=0.84, least=0.25))
    assert len(chosen) == 6 and len({10, 11, 12} & set(chosen)) == 1 and 13 not in chosen
    assert 12 not in numbers(finalists([*near, *fast], DEFAULT, [], 12, floor=0.84, least=0.3))
    assert numbers(finalists([*near, *fast], DEFAULT, [GOOD], 12, floor=0.84)) == numbers(near)
    tight = Constraint("max_latency", 0.05, lambda figures: figures.latency_ms.p95 / 0.05 - 1.0)
    assert numbers(finalists([*near, *fast], DEFAULT, [tight], 12, floor=0.84, least=0.3)) == [11, 12]
