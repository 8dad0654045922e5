"""The time that verifying takes, told from latencies; what it measures is tested with the pipeline."""

import os
from dataclasses import replace

import pytest

from autocompress.domain.figures import Baseline
from autocompress.measurement.protocol import LatencyProtocol
from autocompress.pipeline.verify_plan import LOADING_S, WHOLE_TEACHERS, longest_protocol, shortest_verification_s
from autocompress.study.results import TrialResult
from tests.synthetic_study import make_configuration, make_figures

CORES = os.cpu_count() or 1


def baselines(tested: bool = False) -> list[Baseline]:
    means = {"pytorch-fp32": 20.0, "onnxruntime-fp32": 10.0, "onnxruntime-int8": 5.0}
    return [Baseline(name, make_figures(mean=mean, test=0.9 if tested else None)) for name, mean in means.items()]


def result(mean: float) -> TrialResult:
    return TrialResult(0, 1, make_configuration(0), make_figures(mean=mean))


def test_the_test_split_is_predicted_by_each_file_and_fp32_on_all_cores():
    without = shortest_verification_s(baselines(), [result(4.0)], 0)
    assert without == pytest.approx(LOADING_S * (3 + WHOLE_TEACHERS) + 15.0)
    predicted = shortest_verification_s(baselines(), [result(4.0)], 1000) - without
    assert predicted == pytest.approx(30.0 / CORES + 5.0 + WHOLE_TEACHERS * 4.0)
    assert shortest_verification_s(baselines(), [result(4.0)], 1000 / 4) - without == pytest.approx(predicted / 4)


def test_baselines_that_have_seen_the_test_split_take_no_time_for_it():
    assert shortest_verification_s(baselines(tested=True), [], 1000) == pytest.approx(LOADING_S * 3 + 15.0)


@pytest.mark.parametrize(("timing_s", "processes"), [(19.0, 1), (21.0, 1), (41.0, 2), (61.0, 3), (600.0, 3)])
def test_timing_takes_the_processes_there_is_room_for(timing_s: float, processes: int):
    besides_s = LOADING_S * 4 + 30.0 / CORES + 5.0 + 1.0
    protocol = longest_protocol(LatencyProtocol(), baselines(), [result(1.0)], 1000, besides_s + timing_s)
    assert protocol == (LatencyProtocol() if timing_s < 20 else LatencyProtocol().fitted_to(10.0 * processes))


def test_before_pytorch_was_measured_it_is_taken_for_twice_as_slow_as_its_fp32_file():
    known = [baseline for baseline in baselines() if baseline.name != "pytorch-fp32"]
    assert shortest_verification_s(known, [], 1000) == pytest.approx(shortest_verification_s(baselines(), [], 1000))
    assert shortest_verification_s([], [], 1000) == pytest.approx(15.0), "no baseline could be built"


def test_a_time_that_is_over_has_room_for_the_shortest_timing_alone():
    assert longest_protocol(LatencyProtocol(), baselines(), [result(1.0)], 1000, -60.0) == LatencyProtocol()


def test_slow_models_take_longer_per_process():
    slow = [replace(one, figures=make_figures(mean=100.0)) for one in baselines(tested=True)]
    besides_s = LOADING_S * 3
    assert longest_protocol(LatencyProtocol(), slow, [], 1000, besides_s + 2 * 59.0).min_span_seconds == 0.0
    assert longest_protocol(LatencyProtocol(), slow, [], 1000, besides_s + 2 * 61.0).processes == 1
