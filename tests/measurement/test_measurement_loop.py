"""The timing loop against a clock that the test drives, so that no assertion depends on this machine."""

import gc
from types import SimpleNamespace

import numpy as np
import pytest

from autocompress.hardware.counters import Reading
from autocompress.measurement import interference, loop
from autocompress.measurement.loop import measure, measure_interleaved, warm_up
from autocompress.measurement.protocol import LatencyProtocol
from autocompress.system.errors import InputError

REQUESTS = [{"input_ids": np.full((1, 1), i)} for i in range(10)]


class Machine:
    """A clock, and models whose requests take a known time; ``share`` is the part of it spent on the processor."""

    def __init__(self, monkeypatch):
        self.now_ns = 0
        self.cpu_ns = 0.0
        self.stolen = 0.0
        self.share = 1.0
        self.switches = 0
        self.khz = 3e6
        self.microjoules = 0
        clock = SimpleNamespace(
            perf_counter=lambda: self.now_ns / 1e9,
            perf_counter_ns=lambda: self.now_ns,
        )
        monkeypatch.setattr(loop, "time", clock)
        monkeypatch.setattr(interference, "time", clock)
        monkeypatch.setattr(interference, "read_conditions", self.reading)
        self.slow = 1.0
        self.core_speed = SimpleNamespace(fastest_s=1.0, probe_s=lambda: self.slow)
        monkeypatch.setattr(loop, "CoreSpeed", lambda: self.core_speed)
        self.seen = []

    def reading(self):
        return Reading(
            self.now_ns,
            int(self.cpu_ns),
            self.switches,
            {"cpu0": 0.0, "cpu1": self.stolen},
            {"cpu0": 3e6, "cpu1": self.khz},
            {"package": (self.microjoules, 2**32)},
        )

    def run(self, name="model", milliseconds=1.0, share=None):
        def answer(request):
            index = int(request["input_ids"][0, 0])
            self.seen.append((name, index))
            taken = int(milliseconds * (1 + index) * 1e6)
            self.now_ns += taken
            self.cpu_ns += taken * (self.share if share is None else share(len(self.seen)))

        return answer


def rounds(seen: int, models: int = 2) -> int:
    """In which round, from zero, the request of this number is; one request warms each round up."""
    return (seen - 1 - 2 * models) // (11 * models)


@pytest.fixture
def machine(monkeypatch):
    return Machine(monkeypatch)


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


@pytest.mark.parametrize(
    ("name", "change", "disturbs"),
    [
        ("stolen", 0.001, True),
        ("stolen", 0.0001, False),
        ("switches", 2, True),
        ("switches", 1, False),
        ("khz", -4e4, True),
        ("khz", -2e4, False),
    ],
)
def test_what_the_system_tells_disturbs_beyond_a_limit(machine, name, change, disturbs):
    answer = machine.run()

    def run(request):
        answer(request)
        setattr(machine, name, getattr(machine, name) + change)

    protocol = LatencyProtocol(min_requests=10, min_seconds=0.0)
    assert measure(run, REQUESTS, protocol).disturbed == disturbs


def served(machine):
    """The requests after those of the warm-up, which are two; a stretch of 10 ms is 0 to 3, 4 and 5, 6 and 7, 8 and 9.

    While the core is slow, single requests follow a stretch that is to be taken again.
    """
    return [index for _, index in machine.seen[2:]]


def test_slow_stretches_are_taken_again_when_the_core_is_fast(machine):
    protocol = LatencyProtocol(min_requests=10, min_seconds=0.0, warmup_requests=1)
    answer = machine.run()

    def run(request):
        machine.slow = 1.6 if 9 <= len(machine.seen) < 12 else 1.2
        answer(request)

    timing = measure(run, REQUESTS, protocol)
    assert not timing.disturbed
    np.testing.assert_allclose(timing.samples_ms, np.arange(1.0, 11.0))
    assert served(machine) == [0, 1, 2, 3, 4, 5, 6, 7, 6, 6, 6, 6, 7, 8, 9]


def test_a_stretch_beside_a_slow_moment_on_either_side_is_slow(machine):
    probes = iter([1.0, 1.0, 1.6] + [1.0] * 20)
    machine.core_speed.probe_s = lambda: next(probes)
    protocol = LatencyProtocol(min_requests=10, min_seconds=0.0, warmup_requests=1)
    assert not measure(machine.run(), REQUESTS, protocol).disturbed
    assert served(machine) == [0, 1, 2, 3, 4, 5, 4, 4, 5, 6, 7, 8, 9]


def test_what_stays_slow_is_kept_when_the_patience_is_at_its_end_and_marked(machine):
    protocol = LatencyProtocol(min_requests=10, min_seconds=0.0, warmup_requests=1, max_waiting=2.0)
    machine.slow = 1.6
    timing = measure(machine.run(), REQUESTS, protocol)
    assert timing.disturbed
    np.testing.assert_allclose(timing.samples_ms, np.arange(1.0, 11.0))
    assert 2.5 * 55 <= machine.now_ns / 1e6 - 2 <= 3 * 55


def test_a_slow_share_within_the_limit_does_not_disturb(machine):
    answer = machine.run()

    def run(request):
        machine.slow = 1.6 if len(machine.seen) == 9 else 1.0
        answer(request)

    def disturbed(share):
        machine.seen.clear()
        settings = {"min_requests": 100, "min_seconds": 0.0, "warmup_requests": 1, "max_waiting": 0.0}
        return measure(run, REQUESTS, LatencyProtocol(**settings, max_slow_share=share)).disturbed

    slow_ms = 7 + 8 + 9 + 10
    assert disturbed(slow_ms / 550 - 0.001)
    assert not disturbed(slow_ms / 550 + 0.001)


def test_a_core_that_turns_out_to_be_faster_is_judged_by_that(machine):
    protocol = LatencyProtocol(min_requests=10, min_seconds=0.0, warmup_requests=1)
    answer = machine.run()

    def run(request):
        machine.core_speed.fastest_s = 1.0 if len(machine.seen) < 11 else 0.7
        answer(request)

    assert measure(run, REQUESTS, protocol).disturbed


def test_energy_is_counted_per_request(machine):
    answer = machine.run()

    def run(request):
        answer(request)
        machine.microjoules += 1500

    assert measure(
        run, REQUESTS, LatencyProtocol(min_requests=30, min_seconds=0.0)
    ).latency().energy_mj == pytest.approx(1.5)


def test_processor_time_counts_per_thread_that_can_run(machine, monkeypatch):
    monkeypatch.setattr(interference, "_processors", lambda: 2)
    protocol = LatencyProtocol(min_requests=10, min_seconds=0.0, repeats=0)
    machine.share = 2.0
    assert measure(machine.run(), REQUESTS, protocol, threads=2).cpu_share == pytest.approx(1.0)
    assert measure(machine.run(), REQUESTS, protocol, threads=8).cpu_share == pytest.approx(1.0)
    machine.share = 1.0
    assert measure(machine.run(), REQUESTS, protocol, threads=2).disturbed


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


def test_a_single_measurement_is_one_round(machine):
    timing = measure(machine.run(), REQUESTS, LatencyProtocol(min_requests=400, min_seconds=0.0))
    assert timing.samples_ms.size == 400
    np.testing.assert_allclose(timing.rounds_ms, [5.5])


def test_disturbed_rounds_are_made_up_for_by_further_rounds(machine):
    protocol = LatencyProtocol(rounds=4, warmup_requests=1)
    in_third = machine.run("a", share=lambda seen: 0.1 if rounds(seen) == 2 else 1.0)
    runs = {"a": in_third, "b": machine.run("b")}
    timings = measure_interleaved(runs, REQUESTS, protocol)
    assert not timings["a"].disturbed and not timings["b"].disturbed
    assert timings["a"].rounds_ms.size == 4 and timings["b"].rounds_ms.size == 5


def test_where_too_many_are_disturbed_the_least_disturbed_are_kept_and_marked(machine):
    protocol = LatencyProtocol(rounds=4, warmup_requests=1)
    run = machine.run("a", share=lambda seen: 0.1 + 0.1 * rounds(seen, models=1))
    timing = measure_interleaved({"a": run}, REQUESTS, protocol)["a"]
    assert timing.disturbed and timing.rounds_ms.size == 4
    assert timing.cpu_share == pytest.approx(np.mean([0.3, 0.4, 0.5, 0.6]), abs=0.03)


def test_one_disturbed_round_marks_the_model(machine):
    protocol = LatencyProtocol(rounds=2, warmup_requests=1, repeats=0)
    runs = {"a": machine.run("a", share=lambda seen: 0.1 if seen < 20 else 1.0), "b": machine.run("b")}
    timings = measure_interleaved(runs, REQUESTS, protocol)
    assert timings["a"].disturbed
    assert not timings["b"].disturbed


def test_garbage_collection_is_off_while_the_clock_runs_and_on_again():
    during = []
    measure(lambda _: during.append(gc.isenabled()), REQUESTS, LatencyProtocol(min_requests=10, min_seconds=0.0))
    assert not any(during[-10:])
    assert gc.isenabled()


def test_the_real_clock_gives_positive_finite_samples():
    timing = measure(lambda _: sum(range(500)), REQUESTS, LatencyProtocol(min_seconds=0.02))
    assert timing.samples_ms.size % len(REQUESTS) == 0
    assert timing.samples_ms.size >= 200
    assert (timing.samples_ms > 0).all()
    assert 0 < timing.cpu_share <= 1


def test_no_requests_are_refused():
    with pytest.raises(InputError, match="at least one request"):
        measure(lambda _: None, [], LatencyProtocol())
