"""Chooses the number of PyTorch's threads by measured speed while a training runs.

PyTorch's threads wait for each other after every operation. On an idle machine two are faster than one. Beside another
program that keeps a core busy they may be slower, since each waits for the one that has no core.
"""

from __future__ import annotations

import time

import torch

MOST = torch.get_num_threads()
EVERY_S = 5.0
SHARE = 0.15


class StepThreads:
    """Sets PyTorch's threads before each step to one or to ``most``, whichever was faster in the last comparison.

    A comparison takes one step with each. The first is made at the beginning, the others every ``EVERY_S`` seconds, or
    less often, so that comparisons take at most ``SHARE`` of the time.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._candidates = (most, 1) if most > 1 else (1,)
        self._fastest = most
        self._untried: list[int] = []
        self._speeds: dict[int, float] = {}
        self._comparison_s = 0.0
        self._next_comparison = 0.0

    def choose(self) -> None:
        """Set the threads of the next step."""
        if len(self._candidates) > 1 and not self._untried and time.monotonic() >= self._next_comparison:
            self._untried, self._speeds, self._comparison_s = [*self._candidates], {}, 0.0
        count = self._untried[0] if self._untried else self._fastest
        if torch.get_num_threads() != count:
            torch.set_num_threads(count)

    def record(self, tokens: float, seconds: float) -> None:
        """Record that the step processed ``tokens`` (padding included) in ``seconds``."""
        if not self._untried:
            return
        self._speeds[self._untried.pop(0)] = tokens / max(seconds, 1e-9)
        self._comparison_s += seconds
        if not self._untried:
            self._fastest = max(self._speeds, key=self._speeds.__getitem__)
            self._next_comparison = time.monotonic() + max(EVERY_S, self._comparison_s / SHARE)

    def use_all(self) -> None:
        """Set as many threads as allowed, for the work that follows the training."""
        torch.set_num_threads(self._most)
