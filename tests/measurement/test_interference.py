"""What counts as interference with a round, against a clock and counters that the test drives."""

import gc

import numpy as np
import pytest
from scripted_machine import REQUESTS

from autocompress.measurement import interference
from autocompress.measurement.loop import measure
from autocompress.measurement.protocol import LatencyProtocol


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
    """The indices of the requests after the two of the warm-up.

    The stretches of 10 ms hold the requests 0 to 3, 4 and 5, 6 and 7, 8 and 9. While the core is slow, a discarded
    stretch is followed by single requests.
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


def test_garbage_collection_is_off_while_the_clock_runs_and_on_again():
    during = []
    measure(lambda _: during.append(gc.isenabled()), REQUESTS, LatencyProtocol(min_requests=10, min_seconds=0.0))
    assert not any(during[-10:])
    assert gc.isenabled()
