from collections.abc import Iterator

import pytest
import torch

from autocompress.distillation import step_threads as threads
from autocompress.distillation.step_threads import StepThreads


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def steps(chooser: StepThreads, speed: dict[int, float], count: int) -> list[int]:
    """The threads of ``count`` steps whose speed depends on them."""
    used = []
    for _ in range(count):
        chooser.choose()
        used.append(torch.get_num_threads())
        chooser.record(100.0, 1.0 / speed[used[-1]])
    return used


@pytest.mark.parametrize(("speed", "best"), [({1: 1.0, 2: 1.8}, 2), ({1: 1.0, 2: 0.2}, 1)])
def test_what_did_more_in_the_comparison_is_kept(speed: dict[int, float], best: int):
    chooser = StepThreads(2)
    assert steps(chooser, speed, 5) == [2, 1, best, best, best]
    chooser.use_all()
    assert torch.get_num_threads() == 2


def test_the_comparison_is_made_again_but_seldom(monkeypatch: pytest.MonkeyPatch):
    now = [100.0]
    monkeypatch.setattr(threads.time, "monotonic", lambda: now[0])
    chooser = StepThreads(2)
    steps(chooser, {1: 1.0, 2: 2.0}, 2)
    now[0] += 1.5 / threads.SHARE - 1.0
    assert steps(chooser, {1: 1.0, 2: 0.1}, 1) == [2], "the first comparison took 1.5 s, which is too much already"
    now[0] += 2.0
    assert steps(chooser, {1: 1.0, 2: 0.1}, 4) == [2, 1, 1, 1]


def test_one_core_has_nothing_to_choose():
    assert steps(StepThreads(1), {1: 1.0}, 3) == [1, 1, 1]
