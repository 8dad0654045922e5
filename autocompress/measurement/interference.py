"""Times rounds of requests, and judges whether other work on the machine disturbed them.

The words, from small to large:

- The *speed probe* is a fixed computation of half a millisecond (hardware/core_speed.py). The core is *slow* while the
  probe takes more than ``LatencyProtocol.max_slowdown`` times its fastest.
- A *stretch* is a run of consecutive requests, of ``STRETCH_NS`` or up to the last request of a cycle, with a probe
  before and after it. It is slow if the core was slow at either end. A slow stretch is *discarded*: the same requests
  are served and timed again. As long as the core is still slow they are served one by one, only to keep the model in
  the caches. Once ``LatencyProtocol.max_waiting`` is used up, slow stretches are *kept*.
- A *cycle* goes once over all requests. A *round* is one or more whole cycles of kept stretches.
- A round is *interrupted* if the operating system tells of other work: processor time that the model did not get,
  stolen time, context switches, a changed clock. It is *disturbed* if it was interrupted, or if too large a share of
  its time was kept although it was slow.

A neighbour on the other half of the core comes and goes within tenths of a second, which only the probe sees; what the
system tells is too coarse for that, and is judged over a whole round. No judgement looks at how long the model took,
so that no measurement is chosen by its outcome.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autocompress.hardware.core_speed import CoreSpeed
from autocompress.hardware.counters import Conditions, between, read_conditions
from autocompress.measurement.protocol import LatencyProtocol
from autocompress.measurement.requests import Request
from autocompress.measurement.timing import Timing, merge_timings

Run = Callable[[Request], Any]
Enough = Callable[[int, float], bool]
STRETCH_NS = 10_000_000


@dataclass(frozen=True)
class Round:
    """Samples [n] in milliseconds per request over whole cycles, and the stretches [m] that they come from.

    ``probes_s`` are the seconds of the slower of the two probes of each stretch; ``served`` counts the requests of
    discarded stretches too; ``cpu_share`` is the processor time used over that which the threads could have had.
    """

    samples_ms: NDArray[np.float64]
    stretches_ns: NDArray[np.int64]
    probes_s: NDArray[np.float64]
    served: int
    cpu_share: float
    conditions: Conditions


@dataclass(frozen=True)
class _Stretch:
    """Nanoseconds of each request and of all with the probe after them, and seconds of the slower of both probes."""

    samples_ns: list[int]
    taken_ns: int
    probe_s: float


@dataclass
class _KeptSoFar:
    """What a round has kept, how many requests it served for that, and how long it spent on what it discarded."""

    samples_ns: list[int] = field(default_factory=list)
    stretches_ns: list[int] = field(default_factory=list)
    probes_s: list[float] = field(default_factory=list)
    kept_ns: int = 0
    discarded_ns: int = 0
    served: int = 0

    def keep(self, stretch: _Stretch) -> None:
        self.samples_ns += stretch.samples_ns
        self.stretches_ns.append(stretch.taken_ns)
        self.probes_s.append(stretch.probe_s)
        self.kept_ns += stretch.taken_ns
        self.served += len(stretch.samples_ns)

    def discard(self, stretch: _Stretch) -> None:
        self.discarded_ns += stretch.taken_ns
        self.served += len(stretch.samples_ns)


@dataclass(frozen=True)
class InterferenceMonitor:
    """Times rounds of ``requests`` and judges them by the limits of ``protocol``."""

    requests: Sequence[Request]
    protocol: LatencyProtocol
    threads: int
    core_speed: CoreSpeed

    def time_round(self, run: Run, enough: Enough) -> Round:
        """Serve whole cycles, stretch by stretch, until ``enough`` is true, and return what was kept.

        ``enough`` is asked after each cycle, with the number of requests kept and the seconds that they took.
        """
        so_far = _KeptSoFar()
        with _no_garbage_collection():
            probe_s, before = self.core_speed.probe_s(), read_conditions()
            while not (self._ends_cycle(so_far) and enough(len(so_far.samples_ns), so_far.kept_ns / 1e9)):
                only_waits = self._is_slow(probe_s) and self._may_discard(STRETCH_NS, so_far)
                stretch, probe_s = self._serve_stretch(run, so_far, probe_s, least_ns=0 if only_waits else STRETCH_NS)
                if self._is_slow(stretch.probe_s) and self._may_discard(stretch.taken_ns, so_far):
                    so_far.discard(stretch)
                else:
                    so_far.keep(stretch)
            conditions = between(before, read_conditions())
        cpu_share = conditions.cpu_seconds / (conditions.seconds * min(self.threads, _processors()))
        return Round(
            samples_ms=np.array(so_far.samples_ns, np.float64) / 1e6,
            stretches_ns=np.array(so_far.stretches_ns),
            probes_s=np.array(so_far.probes_s),
            served=so_far.served,
            cpu_share=min(cpu_share, 1.0),
            conditions=conditions,
        )

    def least_disturbed(self, rounds: Sequence[Round], fewest: int) -> list[Round]:
        """Return the undisturbed rounds, or the ``fewest`` least disturbed if those are fewer; in order of time."""
        undisturbed = [each for each in rounds if not self.is_disturbed(each)]
        if len(undisturbed) >= fewest:
            return undisturbed
        least = sorted(range(len(rounds)), key=lambda place: self._disturbance(rounds[place]))[:fewest]
        return [rounds[place] for place in sorted(least)]

    def is_disturbed(self, timed: Round) -> bool:
        """Whether the round was interrupted, or the core slow for too large a share of it."""
        return self._slow_share(timed) > self.protocol.max_slow_share or self.is_interrupted(timed)

    def is_interrupted(self, timed: Round) -> bool:
        """Whether the operating system tells of other work during the round."""
        return (
            timed.cpu_share < self.protocol.min_cpu_share
            or timed.conditions.stolen_share > self.protocol.max_stolen_share
            or timed.conditions.switches_per_s > self.protocol.max_switches_per_s
            or timed.conditions.clock_change > self.protocol.max_clock_change
        )

    def timing(self, rounds: Sequence[Round]) -> Timing:
        """Return the samples of all rounds as one timing."""
        return merge_timings([self._timing_of(each) for each in rounds])

    def _serve_stretch(
        self, run: Run, so_far: _KeptSoFar, probe_before_s: float, least_ns: int
    ) -> tuple[_Stretch, float]:
        """Serve the requests after those kept, and probe; also return the seconds of that probe.

        The stretch ends with the first request that completes ``least_ns``, at the latest with the cycle.
        """
        clock, samples_ns = time.perf_counter_ns, list[int]()
        begin = clock()
        for request in self.requests[len(so_far.samples_ns) % len(self.requests) :]:
            start = clock()
            run(request)
            end = clock()
            samples_ns.append(end - start)
            if end - begin >= least_ns:
                break
        probe_after_s = self.core_speed.probe_s()
        return _Stretch(samples_ns, clock() - begin, max(probe_before_s, probe_after_s)), probe_after_s

    def _ends_cycle(self, so_far: _KeptSoFar) -> bool:
        return len(so_far.samples_ns) > 0 and len(so_far.samples_ns) % len(self.requests) == 0

    def _may_discard(self, taken_ns: int, so_far: _KeptSoFar) -> bool:
        """Whether a stretch of ``taken_ns`` may still be discarded by ``LatencyProtocol.max_waiting``."""
        return so_far.discarded_ns + taken_ns <= self.protocol.max_waiting * (so_far.kept_ns + taken_ns)

    def _is_slow(self, probe_s: float) -> bool:
        return probe_s > self.protocol.max_slowdown * self.core_speed.fastest_s

    def _slow_share(self, timed: Round) -> float:
        """The share of the kept time that was slow, by the fastest probe until now."""
        slow = timed.probes_s > self.protocol.max_slowdown * self.core_speed.fastest_s
        return float(timed.stretches_ns[slow].sum() / max(timed.stretches_ns.sum(), 1))

    def _disturbance(self, timed: Round) -> float:
        """How much a round was disturbed, to be compared with other rounds of the same model."""
        return self._slow_share(timed) + timed.conditions.stolen_share - timed.cpu_share

    def _timing_of(self, timed: Round) -> Timing:
        joules, samples_ms = timed.conditions.joules, timed.samples_ms
        energy_mj = None if joules is None else 1000.0 * joules / timed.served
        return Timing(samples_ms, samples_ms.mean(keepdims=True), timed.cpu_share, self.is_disturbed(timed), energy_mj)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Collect garbage beforehand and not while the clock runs, as ``timeit`` does."""
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
