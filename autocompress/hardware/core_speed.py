"""How fast a processor core is at a moment, from a fixed computation's time.

On a shared host another tenant's thread may run on the other half of the same core, or the clock may fall: everything
takes up to twice as long, for a tenth of a second or for a minute, and the system inside tells nothing of it, neither
as stolen time nor as a clock. studies/latency holds measurements with this and without.
"""

from __future__ import annotations

import math
import time

import numpy as np

SIZE, CALLS, BEST_OF, FIRST = 2048, 400, 3, 20


class CoreSpeed:
    """Seconds of the fixed computation: at its fastest in this process and as ``known_s`` from others, and now."""

    def __init__(self, known_s: float = math.inf) -> None:
        self.seen_s, self._known_s = math.inf, known_s
        self._row = np.ones(SIZE, np.float32)
        self._sum = np.empty_like(self._row)
        for _ in range(FIRST):
            self.now_s()

    def now_s(self) -> float:
        """The best of ``BEST_OF``, about half a millisecond: a single interruption does not count."""
        taken_s = min(self._once_s() for _ in range(BEST_OF))
        self.seen_s = min(self.seen_s, taken_s)
        return taken_s

    @property
    def fastest_s(self) -> float:
        """The fastest of all."""
        return min(self.seen_s, self._known_s)

    def _once_s(self) -> float:
        begin = time.perf_counter()
        for _ in range(CALLS):
            np.add(self._row, self._row, out=self._sum)
        return time.perf_counter() - begin
