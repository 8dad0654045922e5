from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from autocompress.hardware import core_speed as module
from autocompress.hardware.core_speed import BEST_OF, FIRST_PROBES, CoreSpeed


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that the next computations take, from the end; one afterwards."""
    seconds: list[float] = []

    def readings() -> Iterator[float]:
        now = 0.0
        while True:
            yield now
            now += seconds.pop() if seconds else 1.0
            yield now

    clock = readings()
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    return seconds


def test_the_best_of_a_few_counts_and_the_fastest_of_all_is_kept(taken: list[float]):
    core_speed = CoreSpeed()
    assert core_speed.fastest_s == pytest.approx(1.0)
    taken[:] = [2.0, 9.0, 3.0]
    assert core_speed.probe_s() == pytest.approx(2.0) and core_speed.fastest_s == pytest.approx(1.0)
    taken[:] = [0.25] * BEST_OF
    assert core_speed.probe_s() == pytest.approx(0.25) == core_speed.fastest_s
    assert core_speed.probe_s() == pytest.approx(1.0) and core_speed.fastest_s == pytest.approx(0.25)


def test_what_earlier_processes_saw_counts_but_is_not_seen_again(taken: list[float]):
    core_speed = CoreSpeed(0.25)
    assert (core_speed.fastest_s, core_speed.fastest_here_s) == pytest.approx((0.25, 1.0))
    assert CoreSpeed(4.0).fastest_s == pytest.approx(1.0)


def test_the_first_is_the_best_of_many(taken: list[float]):
    taken[:] = [0.5] * BEST_OF + [7.0] * (BEST_OF * (FIRST_PROBES - 1))
    assert CoreSpeed().fastest_s == pytest.approx(0.5)


def test_the_real_clock_never_beats_the_fastest():
    core_speed = CoreSpeed()
    taken_s = [core_speed.probe_s() for _ in range(5)]
    assert 0 < core_speed.fastest_s <= min(taken_s)
