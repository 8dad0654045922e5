"""The timing loop against a clock that the test drives, so that no assertion depends on this machine."""

import gc
from types import SimpleNamespace

import numpy as np
import pytest

from autocompress.errors import InputError
from autocompress.measurement import protocol as module
from autocompress.measurement.conditions import Reading
from autocompress.measurement.protocol import LatencyProtocol, measure, measure_interleaved, warm_up

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
        monkeypatch.setattr(module, "time", clock)
        monkeypatch.setattr(module, "read_conditions", self.reading)
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


def test_energy_is_counted_per_request(machine):
    answer = machine.run()

    def run(request):
        answer(request)
        machine.microjoules += 1500

    assert measure(
        run, REQUESTS, LatencyProtocol(min_requests=30, min_seconds=0.0)
    ).latency().energy_mj == pytest.approx(1.5)


def test_processor_time_counts_per_thread_that_can_run(machine, monkeypatch):
    monkeypatch.setattr(module, "_processors", lambda: 2)
    protocol = LatencyProtocol(min_requests=10, min_seconds=0.0, repeats=0)
    machine.share = 2.0
    assert measure(machine.run(), REQUESTS, protocol, threads=2).cpu_share == pytest.approx(1.0)
    assert measure(machine.run(), REQUESTS, protocol, threads=8).cpu_share == pytest.approx(1.0)
    machine.share = 1.0
    assert measure(machine.run(), REQUESTS, protocol, threads=2).disturbed


def test_interleaving_goes_block_by_block_in_turning_order_and_pairs_samples(machine):
    protocol = LatencyProtocol(blocks=3, warmup_requests=2)
    runs = {"a": machine.run("a"), "b": machine.run("b", 2.0)}
    timings = measure_interleaved(runs, REQUESTS, protocol)
    assert list(timings) == ["a", "b"]
    np.testing.assert_allclose(timings["b"].samples_ms, 2 * timings["a"].samples_ms)
    assert timings["a"].samples_ms.size == 30
    blocks = [name for name, _ in machine.seen[8:]]
    assert blocks == ["a"] * 12 + ["b"] * 24 + ["a"] * 24 + ["b"] * 12
    assert [index for _, index in machine.seen[8:20]] == [8, 9, *range(10)]


def test_interleaving_ends_by_time_after_a_whole_round(machine):
    protocol = LatencyProtocol(blocks=5, warmup_requests=1, max_seconds=0.07)
    runs = {name: machine.run(name) for name in "ab"}
    assert {timing.samples_ms.size for timing in measure_interleaved(runs, REQUESTS, protocol).values()} == {20}


def test_rounds_are_spread_over_the_span_in_which_the_models_serve_on(machine):
    protocol = LatencyProtocol(blocks=4, warmup_requests=1, min_span_seconds=4.0, max_seconds=60.0)
    timings = measure_interleaved({"a": machine.run("a"), "b": machine.run("b", 2.0)}, REQUESTS, protocol)
    assert 3.5 <= machine.now_ns / 1e9 <= 4.5
    assert {timing.samples_ms.size for timing in timings.values()} == {40}
    np.testing.assert_allclose(timings["a"].rounds_ms, [5.5] * 4)


def test_a_single_measurements_rounds_are_parts_of_it_in_time(machine):
    timing = measure(machine.run(), REQUESTS, LatencyProtocol(min_requests=400, min_seconds=0.0))
    assert timing.samples_ms.size == 400
    np.testing.assert_allclose(timing.rounds_ms, [5.5] * 16)


def test_one_disturbed_block_marks_the_model(machine):
    protocol = LatencyProtocol(blocks=2, warmup_requests=1, repeats=0)
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


@pytest.mark.parametrize("settings", [{"min_requests": 0}, {"blocks": 0}, {"max_seconds": -1.0}, {"repeats": -1}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(InputError, match=next(iter(settings))):
        LatencyProtocol(**settings)


def test_no_requests_are_refused():
    with pytest.raises(InputError, match="at least one request"):
        measure(lambda _: None, [], LatencyProtocol())
