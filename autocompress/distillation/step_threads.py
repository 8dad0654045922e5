"""As many threads as pay at the moment.

PyTorch's threads wait for each other after every operation. On a machine of one's own two are faster than one; beside
another program that keeps a core busy, they may take longer than one, for each waits for the one that is kept away.
"""

from __future__ import annotations

import time

import torch

MOST = torch.get_num_threads()
EVERY_S = 5.0
SHARE = 0.15


class StepThreads:
    """Sets PyTorch's threads before each step: one or ``most``, whichever did more in the last comparison.

    Both are tried in turn at the beginning, then every ``EVERY_S`` seconds, or so seldom that it takes ``SHARE`` of
    the time.
    """

    def __init__(self, most: int = MOST) -> None:
        self._counts = (most, 1) if most > 1 else (1,)
        self._trials: list[int] = []
        self._rates: dict[int, float] = {}
        self._best, self._due, self._spent = most, 0.0, 0.0

    def choose(self) -> None:
        """Set the threads of the next step."""
        if len(self._counts) > 1 and not self._trials and time.monotonic() >= self._due:
            self._trials, self._rates, self._spent = [*self._counts], {}, 0.0
        count = self._trials[0] if self._trials else self._best
        if torch.get_num_threads() != count:
            torch.set_num_threads(count)

    def settle(self) -> None:
        """Leave as many as there may be to what follows."""
        torch.set_num_threads(self._counts[0])

    def learn(self, work: float, seconds: float) -> None:
        """Take in that a step did ``work`` (tokens, padding included) in ``seconds``."""
        if not self._trials:
            return
        count = self._trials.pop(0)
        self._rates[count] = work / max(seconds, 1e-9)
        self._spent += seconds
        if not self._trials:
            self._best = max(self._rates, key=self._rates.__getitem__)
            self._due = time.monotonic() + max(EVERY_S, self._spent / SHARE)
