"""Measures how fast a processor core is at the moment, by the time of a fixed computation: the speed probe.

On a shared host another tenant's thread may run on the other half of the same core, or the clock may fall. Everything
then takes up to twice as long, for a tenth of a second or for a minute, and the operating system shows neither stolen
time nor a lower clock. studies/latency compares measurements with the probe and without.
"""

from __future__ import annotations

import math
import time

import numpy as np

SIZE, CALLS, BEST_OF, FIRST_PROBES = 2048, 400, 3, 20


class CoreSpeed:
    """Runs the speed probe and keeps its fastest time.

    ``known_fastest_s`` is the fastest time, in seconds, that other processes on this machine have seen. A few probes
    run at once, so that this process has seen some speed of its own.
    """

    def __init__(self, known_fastest_s: float = math.inf) -> None:
        self.fastest_here_s, self._known_fastest_s = math.inf, known_fastest_s
        self._row = np.ones(SIZE, np.float32)
        self._sum = np.empty_like(self._row)
        for _ in range(FIRST_PROBES):
            self.probe_s()

    def probe_s(self) -> float:
        """Run the probe and return its seconds, the best of ``BEST_OF``, so that a single interruption is ignored.

        Takes about half a millisecond.
        """
        taken_s = min(self._compute_s() for _ in range(BEST_OF))
        self.fastest_here_s = min(self.fastest_here_s, taken_s)
        return taken_s

    @property
    def fastest_s(self) -> float:
        """The fastest probe of this process and of those before it, in seconds."""
        return min(self.fastest_here_s, self._known_fastest_s)

    def _compute_s(self) -> float:
        begin = time.perf_counter()
        for _ in range(CALLS):
            np.add(self._row, self._row, out=self._sum)
        return time.perf_counter() - begin
