"""Tables show every figure at 100 columns, piped or not, and say which points they leave out."""

import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType
from synthetic_study import make_summary

from autocompress.domain.problem import Problem
from autocompress.report.misses import nearest_misses
from autocompress.report.summary import StudySummary
from autocompress.report.tables import fastest_line, front_table, misses_table, phase_lines, spread, studies_table
from autocompress.students.configuration import describe


def rendered(table: RenderableType, width: int = 100) -> list[str]:
    stream = io.StringIO()
    Console(file=stream, width=width).print(table)
    return [line.rstrip() for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("width", [80, 100, 120])
def test_no_figure_is_cut_at_a_common_width(width: int):
    summary = make_summary()
    lines = rendered(front_table(summary, 12), width)
    text = "\n".join(lines)
    assert max(map(len, lines)) <= width and "…" not in text
    for point in spread(summary.front, 12):
        row = next(line for line in lines if line.split()[:1] == [str(point.trial)] and line.endswith("yes"))
        figures = point.figures
        assert f"{figures.validation.value:.3f}" in row and f"{figures.test.value:.3f}" in row  # type: ignore[union-attr]
        assert row.count("x") >= 2
    words = set(text.split())
    assert {"pytorch-fp32", "onnxruntime-fp32", "onnxruntime-int8"} <= words
    assert all(word in words for point in summary.front[:1] for word in describe(point.configuration).split())


def test_baselines_stand_on_top_with_their_own_speedups():
    lines = rendered(front_table(make_summary(), 12))
    names = [line.split()[1] for line in lines if line.split()[:1] == ["-"]]
    assert names == ["pytorch-fp32", "onnxruntime-fp32", "onnxruntime-int8"]
    int8 = next(line for line in lines if "onnxruntime-int8" in line)
    assert "1.00x" in int8 and "4.78x" in int8 and "23.1 MB" in int8


def test_the_head_names_both_checkpoints_where_there_are_two():
    summary = make_summary()
    assert not any("students start" in line for line in rendered(front_table(summary, 12)))
    two = replace(summary, problem=replace(summary.problem, model="large", student="small"))
    assert "students start from small and learn from large" in rendered(front_table(two, 12))[1]


@pytest.mark.parametrize(("feasible", "mark"), [(True, "yes"), (False, "no"), (None, "?")])
def test_each_point_says_whether_it_meets_the_constraints(feasible: bool | None, mark: str):
    summary = make_summary(3, feasible=feasible)
    rows = [line for line in rendered(front_table(summary)) if line.split()[:1] in (["0"], ["7"], ["14"])]
    assert [row.split()[-1] for row in rows] == [mark] * 3


@given(st.integers(0, 60), st.integers(2, 15))
def test_a_spread_keeps_both_ends_and_the_order(points: int, most: int):
    front = make_summary(60).front[:points]
    shown = spread(front, most)
    trials = [point.trial for point in front]
    assert len(shown) == min(points, most)
    assert [trials.index(point.trial) for point in shown] == sorted({trials.index(point.trial) for point in shown})
    if shown:
        assert (shown[0], shown[-1]) == (front[0], front[-1])


def test_a_spread_shows_feasible_points_where_there_are_enough():
    front = [*make_summary(30).front[:15], *make_summary(30, feasible=False).front[15:]]
    assert all(point.feasible for point in spread(front, 12))
    assert len(spread(front, None)) == 30


def test_studies_have_a_row_each():
    empty = StudySummary("a new one", "running", Problem(), [], {}, [])
    text = "\n".join(rendered(studies_table([make_summary(), empty])))
    assert "synthetic" in text and "accuracy 0.906" in text and "0.050 ms" in text and "a new one" in text


def test_misses_name_what_they_break():
    summary = make_summary(feasible=False)
    candidates = [(point.figures, point.trial) for point in summary.front]
    lines = rendered(misses_table(nearest_misses(candidates, summary.problem, 0.99)))
    text = " ".join(" ".join(lines).split())
    assert max(map(len, lines)) <= 100 and "quality (--max-drop 4.0)" in text


def test_phases_say_what_they_planned_and_used():
    assert phase_lines(make_summary()) == ["search: planned 6 min 40 s, used 6 min 31 s"]


def test_what_the_fast_end_costs_and_buys_is_said_in_a_line():
    summary = make_summary(3)
    fastest = min(summary.front, key=lambda point: point.figures.latency_ms.mean)
    lost = 100 * (summary.teacher_quality - fastest.figures.validation.estimate)  # type: ignore[operator]
    line = fastest_line(summary)
    assert lost >= 1 and line is not None and f"trial {fastest.trial}," in line and f"costs {lost:.1f} points" in line
    assert "times as fast as onnxruntime-int8" in line
    assert fastest_line(replace(summary, baselines=())) is None
    assert fastest_line(replace(summary, front=())) is None
