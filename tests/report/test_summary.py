"""The object of ``show --json``: the keys it promises, with the summary's values; and the rules that pick a point."""

import json
from dataclasses import replace

import pytest
from synthetic_study import make_figures, make_summary

from autocompress.domain.problem import Problem
from autocompress.report.picks import PICKS, pick_point
from autocompress.report.summary import StudySummary, speedups
from autocompress.students.configuration import configuration_from_json
from autocompress.system.errors import InputError, StudyError

PROMISED = {"study", "state", "problem", "baselines", "trials", "front"}
MEASURED = {"quality", "latency_ms", "size_bytes", "memory_bytes", "speedup"}


@pytest.mark.parametrize("feasible", [True, False, None])
def test_json_has_the_promised_keys_and_the_summarys_values(feasible: bool | None):
    summary = make_summary(feasible=feasible)
    shown = json.loads(json.dumps(summary.to_json(), allow_nan=False))
    assert set(shown) >= PROMISED
    assert Problem.from_json(shown["problem"]) == summary.problem
    assert [b["name"] for b in shown["baselines"]] == ["pytorch-fp32", "onnxruntime-fp32", "onnxruntime-int8"]
    assert shown["trials"] == {"complete": 110, "failed": 4}
    for item in (*shown["front"], *shown["baselines"]):
        assert set(item) >= MEASURED
        assert set(item["quality"]) >= {"metric", "validation", "interval", "test"}
        assert set(item["latency_ms"]) >= {"mean", "p50", "p95"}
        assert set(item["speedup"]) == {b.name for b in summary.baselines}
    for item, point in zip(shown["front"], summary.front, strict=True):
        assert (item["trial"], item["feasible"]) == (point.trial, feasible)
        assert configuration_from_json(item["configuration"]) == point.configuration
        assert item["quality"]["validation"] == point.figures.validation.value
        assert item["quality"]["interval"] == list(point.figures.validation.interval)
        assert point.figures.test is not None and item["quality"]["test"] == point.figures.test.value
        assert item["latency_ms"]["p95"] == point.figures.latency_ms.p95
        assert (item["size_bytes"], item["memory_bytes"]) == (point.figures.size_bytes, point.figures.memory_bytes)


def test_a_study_that_has_measured_nothing_has_json_too():
    shown = json.loads(json.dumps(empty().to_json(), allow_nan=False))
    assert shown["front"] == [] and shown["baselines"] == [] and empty().teacher_quality is None


def test_a_point_without_test_figures_says_so():
    summary = make_summary()
    assert summary.teacher_quality == 0.907
    bare = StudySummary("s", "running", Problem(), summary.baselines[:1], {}, [], [(make_figures(), 3)])
    quality = bare.to_json()["baselines"][0]["quality"]
    assert quality["test"] == 0.904 and quality["secondary"]["macro_f1"] == pytest.approx(0.887)


def test_a_speedup_is_the_baselines_mean_over_the_points():
    baselines = make_summary().baselines
    assert speedups(make_figures(mean=0.381), baselines)["onnxruntime-int8"] == pytest.approx(10.0)
    assert speedups(baselines[0].figures, baselines)["pytorch-fp32"] == 1.0


@pytest.mark.parametrize("name", PICKS)
def test_a_pick_is_feasible_where_anything_is(name: str):
    whole = make_summary()
    front = [*make_summary(feasible=False).front[:-3], *whole.front[-3:]]
    mixed = StudySummary("s", "finished", Problem(), whole.baselines, {}, front)
    assert pick_point(mixed, name).feasible
    assert pick_point(make_summary(feasible=None), name).feasible is None


def test_picks_are_what_they_are_called():
    summary = make_summary()
    first, last = summary.front[0], summary.front[-1]
    assert pick_point(summary, "fastest") == pick_point(summary, "smallest") == first
    assert pick_point(summary, "best") == last
    knee = pick_point(summary, "knee")
    assert first.figures.validation.value < knee.figures.validation.value < last.figures.validation.value


def test_close_is_the_fastest_within_a_point_of_the_teacher_and_the_best_where_none_is():
    summary = make_summary()
    close = pick_point(summary, "close")
    assert close.figures.validation.value >= 0.897
    faster = [p for p in summary.front if p.figures.latency_ms.mean < close.figures.latency_ms.mean]
    assert faster and all(point.figures.validation.value < 0.897 for point in faster)
    far = replace(summary, front=summary.front[:4])
    assert pick_point(far, "close") == pick_point(far, "best")


def test_what_cannot_be_picked_is_told():
    with pytest.raises(InputError, match="pick must be one of close, knee, fastest, smallest, best, but got 'nice'"):
        pick_point(make_summary(), "nice")
    with pytest.raises(StudyError, match="has none yet"):
        pick_point(empty(), "knee")


def empty() -> StudySummary:
    return StudySummary("empty", "running", Problem(), [], {}, [])
