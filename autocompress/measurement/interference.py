"""Takes attempts at a measurement and judges whether something else used the processor meanwhile.

The core's speed is looked at after every stretch of some ten milliseconds, and a stretch beside which the core was
slower than it can be is taken again: a neighbour on the other half of the core comes and goes by the tenth of a
second. What the system tells (processor time, stolen time, context switches, the clock) is too coarse for that and is
judged over a whole attempt. Neither looks at how long the model itself took, so that nothing is chosen by its outcome.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autocompress.hardware.conditions import Conditions, between, read_conditions
from autocompress.hardware.core_speed import CoreSpeed
from autocompress.measurement.protocol import LatencyProtocol
from autocompress.measurement.requests import Request
from autocompress.measurement.timing import Timing, joined

Run = Callable[[Request], Any]
Enough = Callable[[int, float], bool]
STRETCH_NS = 10_000_000


@dataclass(frozen=True)
class Attempt:
    """Whole cycles over the requests: samples [n], and the stretches that they were kept from [m].

    ``probes_s`` are the seconds of the speed probe beside each stretch, the longer of before and after; ``served``
    counts the requests of stretches that were taken again too.
    """

    samples_ms: NDArray[np.float64]
    stretches_ns: NDArray[np.int64]
    probes_s: NDArray[np.float64]
    served: int
    cpu_share: float
    conditions: Conditions


@dataclass(frozen=True)
class InterferenceMonitor:
    """Makes attempts and judges them."""

    requests: Sequence[Request]
    protocol: LatencyProtocol
    threads: int
    core_speed: CoreSpeed

    def attempt(self, run: Run, enough: Enough) -> Attempt:
        """Cycles until ``enough``, which is asked after each with the requests served and their seconds.

        Slow stretches are taken again, and while the core stays slow single requests are served and not counted, so
        that the model stays in the caches.
        """
        clock, kept, stretches = time.perf_counter_ns, list[int](), list[tuple[int, float]]()
        served = kept_ns = again_ns = 0
        with _no_garbage_collection():
            earlier_s, before = self.core_speed.now_s(), read_conditions()
            while not (kept and len(kept) % len(self.requests) == 0 and enough(len(kept), kept_ns / 1e9)):
                waits = self._slow(earlier_s) and self._may_repeat(STRETCH_NS, again_ns, kept_ns)
                begin = clock()
                samples = self._stretch(run, len(kept), 0 if waits else STRETCH_NS)
                later_s = self.core_speed.now_s()
                taken_ns, probe_s, earlier_s = clock() - begin, max(earlier_s, later_s), later_s
                served += len(samples)
                if self._slow(probe_s) and self._may_repeat(taken_ns, again_ns, kept_ns):
                    again_ns += taken_ns
                    continue
                kept += samples
                kept_ns += taken_ns
                stretches.append((taken_ns, probe_s))
            conditions = between(before, read_conditions())
        share = conditions.cpu_seconds / (conditions.seconds * min(self.threads, _processors()))
        stretches_ns, probes_s = (np.array(column) for column in zip(*stretches, strict=True))
        samples_ms = np.array(kept, np.float64) / 1e6
        return Attempt(samples_ms, stretches_ns, probes_s, served, min(share, 1.0), conditions)

    def kept(self, attempts: Sequence[Attempt], fewest: int) -> list[Attempt]:
        """Those that nothing disturbed; if there are not ``fewest``, those that were disturbed least."""
        clean = [attempt for attempt in attempts if not self.disturbed(attempt)]
        if len(clean) >= fewest:
            return clean
        least = sorted(range(len(attempts)), key=lambda place: self._disturbance(attempts[place]))[:fewest]
        return [attempts[place] for place in sorted(least)]

    def disturbed(self, attempt: Attempt) -> bool:
        """Whether the core was slow for too much of it, or the system tells of another use of the processor."""
        return self._slow_share(attempt) > self.protocol.max_slow_share or self.interrupted(attempt)

    def interrupted(self, attempt: Attempt) -> bool:
        """Whether the system tells of another use of the processor."""
        return (
            attempt.cpu_share < self.protocol.min_cpu_share
            or attempt.conditions.stolen_share > self.protocol.max_stolen_share
            or attempt.conditions.switches_per_s > self.protocol.max_switches_per_s
            or attempt.conditions.clock_change > self.protocol.max_clock_change
        )

    def timing(self, attempts: Sequence[Attempt]) -> Timing:
        """Each attempt as a round."""
        return joined([self._round(attempt) for attempt in attempts])

    def _stretch(self, run: Run, served: int, least_ns: int) -> list[int]:
        """Nanoseconds of the next requests, until ``least_ns`` or the end of a cycle."""
        clock, samples = time.perf_counter_ns, list[int]()
        begin = clock()
        for request in self.requests[served % len(self.requests) :]:
            start = clock()
            run(request)
            end = clock()
            samples.append(end - start)
            if end - begin >= least_ns:
                break
        return samples

    def _may_repeat(self, taken_ns: int, again_ns: int, kept_ns: int) -> bool:
        return again_ns + taken_ns <= self.protocol.max_waiting * (kept_ns + taken_ns)

    def _slow(self, probe_s: float) -> bool:
        return probe_s > self.protocol.max_slowdown * self.core_speed.fastest_s

    def _slow_share(self, attempt: Attempt) -> float:
        """The share of the kept time that was slow by what is the fastest now."""
        slow = attempt.probes_s > self.protocol.max_slowdown * self.core_speed.fastest_s
        return float(attempt.stretches_ns[slow].sum() / max(attempt.stretches_ns.sum(), 1))

    def _disturbance(self, attempt: Attempt) -> float:
        return self._slow_share(attempt) + attempt.conditions.stolen_share - attempt.cpu_share

    def _round(self, attempt: Attempt) -> Timing:
        joules, samples_ms = attempt.conditions.joules, attempt.samples_ms
        energy_mj = None if joules is None else 1000.0 * joules / attempt.served
        means_ms, disturbed = samples_ms.mean(keepdims=True), self.disturbed(attempt)
        return Timing(samples_ms, means_ms, attempt.cpu_share, disturbed, energy_mj)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Collect now and not while the clock runs, as timeit does."""
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
