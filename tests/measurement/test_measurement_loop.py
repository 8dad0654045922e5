"""Warm-up, repeating and interleaving, against a clock that the test drives: none depends on this machine."""

import numpy as np
import pytest
from scripted_machine import REQUESTS

from autocompress.measurement.loop import measure, measure_interleaved, warm_up
from autocompress.measurement.protocol import LatencyProtocol
from autocompress.system.errors import InputError


def test_samples_are_whole_cycles_in_the_order_of_the_requests(machine):
    timing = measure(machine.run(), REQUESTS, LatencyProtocol(min_requests=25, min_seconds=0.0))
    np.testing.assert_allclose(timing.samples_ms, np.tile(np.arange(1.0, 11.0), 3))
    assert timing.cpu_share == pytest.approx(1.0)
    assert not timing.disturbed
    assert timing.latency().mean == pytest.approx(5.5)


def test_both_the_count_and_the_duration_are_reached(machine):
    protocol = LatencyProtocol(min_requests=5, min_seconds=0.2)
    assert measure(machine.run(), REQUESTS, protocol).samples_ms.size == 40
    slow = measure(machine.run(milliseconds=1000.0), REQUESTS, LatencyProtocol(max_seconds=60.0))
    assert slow.samples_ms.size == 20


def test_a_single_measurement_is_one_round(machine):
    timing = measure(machine.run(), REQUESTS, LatencyProtocol(min_requests=400, min_seconds=0.0))
    assert timing.samples_ms.size == 400
    np.testing.assert_allclose(timing.rounds_ms, [5.5])


def test_the_real_clock_gives_positive_finite_samples():
    timing = measure(lambda _: sum(range(500)), REQUESTS, LatencyProtocol(min_seconds=0.02))
    assert timing.samples_ms.size % len(REQUESTS) == 0
    assert timing.samples_ms.size >= 200
    assert (timing.samples_ms > 0).all()
    assert 0 < timing.cpu_share <= 1


def test_no_requests_are_refused():
    with pytest.raises(InputError, match="at least one request"):
        measure(lambda _: None, [], LatencyProtocol())


def test_warm_up_ends_when_two_windows_agree(machine):
    protocol = LatencyProtocol(warmup_requests=4, warmup_max_seconds=100.0)
    cold = iter([5.0] * 4 + [2.0] * 4 + [1.0] * 100)

    def run(_request):
        machine.now_ns += int(next(cold) * 1e6)

    assert warm_up(run, REQUESTS, protocol) == 16


def test_warm_up_ends_by_time(machine):
    protocol = LatencyProtocol(warmup_requests=4, warmup_max_seconds=0.005)
    assert warm_up(machine.run(milliseconds=2.0), REQUESTS, protocol) == 2


def test_a_disturbed_run_is_repeated_until_it_is_clean(machine):
    protocol = LatencyProtocol(min_requests=10, min_seconds=0.0, warmup_requests=1, repeats=2)
    timing = measure(machine.run(share=lambda seen: 0.5 if seen <= 12 else 1.0), REQUESTS, protocol)
    assert not timing.disturbed
    assert len(machine.seen) == 2 + 2 * 10
    assert timing.cpu_share == pytest.approx(1.0)


def test_the_least_disturbed_is_kept_and_marked(machine):
    protocol = LatencyProtocol(min_requests=10, min_seconds=0.0, warmup_requests=1, repeats=2)
    shares = {0: 0.3, 1: 0.8, 2: 0.5}
    timing = measure(machine.run(share=lambda seen: shares[max(0, (seen - 3) // 10)]), REQUESTS, protocol)
    assert timing.disturbed
    assert timing.cpu_share == pytest.approx(0.8)
    assert len(machine.seen) == 2 + 3 * 10


def test_nothing_is_repeated_after_the_deadline(machine):
    machine.share = 0.2
    protocol = LatencyProtocol(min_requests=10, min_seconds=0.0, warmup_requests=1, max_seconds=0.05)
    assert measure(machine.run(), REQUESTS, protocol).disturbed
    assert len(machine.seen) == 2 + 10


def test_interleaving_goes_round_by_round_in_turning_order(machine):
    protocol = LatencyProtocol(rounds=3, warmup_requests=2)
    runs = {"a": machine.run("a"), "b": machine.run("b", 2.0)}
    timings = measure_interleaved(runs, REQUESTS, protocol)
    assert list(timings) == ["a", "b"]
    np.testing.assert_allclose(timings["b"].samples_ms, 2 * timings["a"].samples_ms)
    assert timings["a"].samples_ms.size == 30
    turns = [name for name, _ in machine.seen[8:]]
    assert turns == ["a"] * 12 + ["b"] * 24 + ["a"] * 24 + ["b"] * 12
    assert [index for _, index in machine.seen[8:20]] == [8, 9, *range(10)]


def test_a_model_with_another_tokenizer_serves_its_own_requests(machine):
    protocol = LatencyProtocol(rounds=2, warmup_requests=2)
    runs, own = {name: machine.run(name) for name in "ab"}, REQUESTS[4:8]
    timings = measure_interleaved(runs, REQUESTS, protocol, own_requests={"b": own})
    assert {name: timing.samples_ms.size for name, timing in timings.items()} == {"a": 20, "b": 8}
    seen = {name: [index for served_by, index in machine.seen if served_by == name] for name in "ab"}
    assert set(seen["a"]) == set(range(10)) and set(seen["b"]) == {4, 5, 6, 7}
    assert seen["b"][-6:] == [6, 7, 4, 5, 6, 7], "warmed up by its last requests"


def test_interleaving_ends_by_time_after_a_whole_round_of_each(machine):
    protocol = LatencyProtocol(rounds=5, warmup_requests=1, max_seconds=0.07)
    runs = {name: machine.run(name) for name in "ab"}
    assert {timing.samples_ms.size for timing in measure_interleaved(runs, REQUESTS, protocol).values()} == {20}


def test_rounds_fill_the_span_with_whole_cycles(machine):
    protocol = LatencyProtocol(rounds=2, warmup_requests=1, min_span_seconds=6.0)
    timings = measure_interleaved({"a": machine.run("a"), "b": machine.run("b", 2.0)}, REQUESTS, protocol)
    assert 6.0 <= machine.now_ns / 1e9 <= 7.0
    assert {name: timing.samples_ms.size for name, timing in timings.items()} == {"a": 570, "b": 300}
    np.testing.assert_allclose(timings["a"].rounds_ms, [5.5] * 3)


def test_slow_models_have_the_fewest_rounds_and_no_more_than_the_deadline_allows(machine):
    protocol = LatencyProtocol(rounds=3, warmup_requests=1, min_span_seconds=6.0, max_seconds=1000.0)
    assert measure_interleaved({"a": machine.run("a", 100.0)}, REQUESTS, protocol)["a"].rounds_ms.size == 3
    protocol = LatencyProtocol(rounds=3, warmup_requests=1, min_span_seconds=6.0, max_seconds=7.0)
    assert measure_interleaved({"a": machine.run("a", 100.0)}, REQUESTS, protocol)["a"].rounds_ms.size == 2


def test_the_mean_gives_rounds_of_equal_time_equal_weight(machine):
    answer = machine.run()

    def run(request):
        slow = machine.now_ns >= 2.1e9
        for _ in range(4 if slow else 1):
            answer(request)

    protocol = LatencyProtocol(rounds=1, warmup_requests=1, min_span_seconds=4.0)
    timing = measure_interleaved({"a": run}, REQUESTS, protocol)["a"]
    assert timing.rounds_ms == pytest.approx([5.5, 22.0], rel=0.1)
    assert timing.latency().mean == pytest.approx(timing.rounds_ms.mean()) != pytest.approx(timing.samples_ms.mean())


def round_of(seen: int, models: int = 2) -> int:
    """The round, from zero, of the request that is served as number ``seen``; one request warms each round up."""
    return (seen - 1 - 2 * models) // (11 * models)


def test_disturbed_rounds_are_made_up_for_by_further_rounds(machine):
    protocol = LatencyProtocol(rounds=4, warmup_requests=1)
    in_third = machine.run("a", share=lambda seen: 0.1 if round_of(seen) == 2 else 1.0)
    runs = {"a": in_third, "b": machine.run("b")}
    timings = measure_interleaved(runs, REQUESTS, protocol)
    assert not timings["a"].disturbed and not timings["b"].disturbed
    assert timings["a"].rounds_ms.size == 4 and timings["b"].rounds_ms.size == 5


def test_where_too_many_are_disturbed_the_least_disturbed_are_kept_and_marked(machine):
    protocol = LatencyProtocol(rounds=4, warmup_requests=1)
    run = machine.run("a", share=lambda seen: 0.1 + 0.1 * round_of(seen, models=1))
    timing = measure_interleaved({"a": run}, REQUESTS, protocol)["a"]
    assert timing.disturbed and timing.rounds_ms.size == 4
    assert timing.cpu_share == pytest.approx(np.mean([0.3, 0.4, 0.5, 0.6]), abs=0.03)


def test_one_disturbed_round_marks_the_model(machine):
    protocol = LatencyProtocol(rounds=2, warmup_requests=1, repeats=0)
    runs = {"a": machine.run("a", share=lambda seen: 0.1 if seen < 20 else 1.0), "b": machine.run("b")}
    timings = measure_interleaved(runs, REQUESTS, protocol)
    assert timings["a"].disturbed
    assert not timings["b"].disturbed
