from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from autocompress.measurement import pace as module
from autocompress.measurement.pace import BEST_OF, FIRST, Pace


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
    pace = Pace()
    assert pace.fastest_s == pytest.approx(1.0)
    taken[:] = [2.0, 9.0, 3.0]
    assert pace.now_s() == pytest.approx(2.0) and pace.fastest_s == pytest.approx(1.0)
    taken[:] = [0.25] * BEST_OF
    assert pace.now_s() == pytest.approx(0.25) == pace.fastest_s
    assert pace.now_s() == pytest.approx(1.0) and pace.fastest_s == pytest.approx(0.25)


def test_what_earlier_processes_saw_counts_but_is_not_seen_again(taken: list[float]):
    pace = Pace(0.25)
    assert (pace.fastest_s, pace.seen_s) == pytest.approx((0.25, 1.0))
    assert Pace(4.0).fastest_s == pytest.approx(1.0)


def test_the_first_is_the_best_of_many(taken: list[float]):
    taken[:] = [0.5] * BEST_OF + [7.0] * (BEST_OF * (FIRST - 1))
    assert Pace().fastest_s == pytest.approx(0.5)


def test_the_real_clock_never_beats_the_fastest():
    pace = Pace()
    taken_s = [pace.now_s() for _ in range(5)]
    assert 0 < pace.fastest_s <= min(taken_s)
