"""The timing loop: warm-up until stable, whole cycles over the same requests, and a check that nothing disturbed it.

A run is disturbed where its threads were not on a processor or had to leave it often (another process was there), the
hypervisor took the processor away, its clock changed, or a fixed computation was slower than it can be (``pace``); such
a run is repeated, and marked where repeating does not help. With several threads, which spin while they wait for each
other, the processor time of all of them counts.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autocompress.errors import InputError
from autocompress.figures import Latency
from autocompress.measurement.conditions import Conditions, between, read_conditions
from autocompress.measurement.pace import Pace
from autocompress.measurement.requests import Request
from autocompress.measurement.statistics import summarise_latency

Run = Callable[[Request], Any]
Enough = Callable[[int, float], bool]
ROUND_S, SPAN_S, PROCESSES = 2.0, 10.0, 3


@dataclass(frozen=True)
class LatencyProtocol:
    """How latency is measured; times in seconds.

    One cycle goes once over all requests, so every model sees the same lengths. Cycles are run until both
    ``min_requests`` and ``min_seconds`` are reached, or after the cycle in which ``max_seconds`` passed; after that
    nothing is repeated either. Warm-up runs windows of the same ``warmup_requests`` requests until one takes within
    ``warmup_tolerance`` of the one before. An interleaved measurement goes on for ``blocks`` rounds and
    ``min_span_seconds``, but not after ``max_seconds`` per model; with a span a round takes at least ``ROUND_S``, since
    a neighbour on the machine slows everything for seconds at a time. A run is disturbed below ``min_cpu_share`` of the
    processor time that its threads could have had, or above the other limits: how much longer the pace's computation
    took than at its fastest, the share of the time that was stolen, involuntary context switches per second, and the
    fraction by which the clock changed. It is repeated ``repeats`` times at most; an interleaved one goes on for a
    quarter of its rounds and span each. All of that is done anew in ``processes`` processes, since one may be faster or
    slower than the next for as long as it lives (Kalibera and Jones 2013).
    """

    min_requests: int = 200
    min_seconds: float = 0.4
    max_seconds: float = 20.0
    warmup_requests: int = 10
    warmup_tolerance: float = 0.05
    warmup_max_seconds: float = 1.0
    min_cpu_share: float = 0.9
    max_slowdown: float = 1.25
    max_stolen_share: float = 0.05
    max_switches_per_s: float = 250.0
    max_clock_change: float = 0.1
    repeats: int = 2
    blocks: int = 5
    min_span_seconds: float = 0.0
    processes: int = 1

    def __post_init__(self) -> None:
        for name in ("min_requests", "warmup_requests", "blocks", "processes"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, but got {getattr(self, name)}")
        for name in (
            "min_seconds", "max_seconds", "warmup_tolerance", "warmup_max_seconds", "repeats", "min_span_seconds"
        ):  # fmt: skip
            if not getattr(self, name) >= 0:
                raise InputError(f"{name} must not be negative, but got {getattr(self, name)}")

    def spread(self, seconds: float) -> LatencyProtocol:
        """This over as much of ``seconds`` as is worth it; unchanged where they are too few."""
        processes = min(int(seconds / SPAN_S), PROCESSES)
        return replace(self, blocks=2, min_span_seconds=SPAN_S, processes=processes) if processes else self


FINAL = LatencyProtocol().spread(PROCESSES * SPAN_S)
"""For the figures that a user takes away, where there is time."""


@dataclass(frozen=True)
class Timing:
    """Raw samples [n] in milliseconds per request, whole cycles in the order of the requests.

    ``rounds_ms`` are the means of its rounds, one after the other in time.
    """

    samples_ms: NDArray[np.float64]
    rounds_ms: NDArray[np.float64]
    cpu_share: float
    disturbed: bool
    energy_mj: float | None = None

    def latency(self) -> Latency:
        """The summary that is stored."""
        return summarise_latency(
            self.samples_ms,
            self.cpu_share,
            self.disturbed,
            rounds_ms=self.rounds_ms,
            energy_mj=self.energy_mj,
        )


def joined(timings: Sequence[Timing]) -> Timing:
    """What several rounds or processes measured of one model, as one."""
    counts = [timing.samples_ms.size for timing in timings]
    energies = [timing.energy_mj for timing in timings if timing.energy_mj is not None]
    return Timing(
        samples_ms=np.concatenate([timing.samples_ms for timing in timings]),
        rounds_ms=np.concatenate([timing.rounds_ms for timing in timings]),
        cpu_share=float(np.average([timing.cpu_share for timing in timings], weights=counts)),
        disturbed=any(timing.disturbed for timing in timings),
        energy_mj=float(np.average(energies, weights=counts)) if len(energies) == len(timings) else None,
    )


@dataclass(frozen=True)
class _Attempt:
    """Some cycles; ``slowest_s`` is what the pace's computation took, before or after."""

    samples_ms: NDArray[np.float64]
    cpu_share: float
    slowest_s: float
    conditions: Conditions


@dataclass(frozen=True)
class _Watch:
    """Makes attempts and judges them."""

    requests: Sequence[Request]
    protocol: LatencyProtocol
    threads: int
    pace: Pace

    def attempt(self, run: Run, enough: Enough) -> _Attempt:
        """Whole cycles until ``enough``."""
        clock = time.perf_counter_ns
        samples: list[int] = []
        with _no_garbage_collection():
            earlier_s, before, begin = self.pace.now_s(), read_conditions(), clock()
            while True:
                for request in self.requests:
                    start = clock()
                    run(request)
                    samples.append(clock() - start)
                if enough(len(samples), (clock() - begin) / 1e9):
                    break
            conditions, later_s = between(before, read_conditions()), self.pace.now_s()
        share = conditions.cpu_seconds / (conditions.seconds * min(self.threads, _processors()))
        return _Attempt(np.array(samples, np.float64) / 1e6, min(share, 1.0), max(earlier_s, later_s), conditions)

    def disturbed(self, attempt: _Attempt) -> bool:
        """Whether something else used the processor, or it was slower than it can be."""
        return (
            attempt.cpu_share < self.protocol.min_cpu_share
            or attempt.slowest_s > self.protocol.max_slowdown * self.pace.fastest_s
            or attempt.conditions.stolen_share > self.protocol.max_stolen_share
            or attempt.conditions.switches_per_s > self.protocol.max_switches_per_s
            or attempt.conditions.clock_change > self.protocol.max_clock_change
        )

    def kept(self, attempts: Sequence[_Attempt], fewest: int) -> list[_Attempt]:
        """Those that nothing disturbed; if there are not ``fewest``, those that were disturbed least."""
        clean = [attempt for attempt in attempts if not self.disturbed(attempt)]
        if len(clean) >= fewest:
            return clean
        least = sorted(range(len(attempts)), key=lambda place: self._disturbance(attempts[place]))[:fewest]
        return [attempts[place] for place in sorted(least)]

    def timing(self, attempts: Sequence[_Attempt]) -> Timing:
        """Each attempt as a round."""
        return joined([self._round(attempt) for attempt in attempts])

    def _round(self, attempt: _Attempt) -> Timing:
        joules, samples_ms = attempt.conditions.joules, attempt.samples_ms
        energy_mj = None if joules is None else 1000.0 * joules / samples_ms.size
        means_ms, disturbed = samples_ms.mean(keepdims=True), self.disturbed(attempt)
        return Timing(samples_ms, means_ms, attempt.cpu_share, disturbed, energy_mj)

    def _disturbance(self, attempt: _Attempt) -> float:
        return attempt.slowest_s / self.pace.fastest_s + attempt.conditions.stolen_share - attempt.cpu_share


def measure(
    run: Run, requests: Sequence[Request], protocol: LatencyProtocol, *, threads: int = 1, pace: Pace | None = None
) -> Timing:
    """Time ``run`` over ``requests``: the first attempt that nothing disturbs, or the least disturbed one."""
    _check(requests)
    warm_up(run, requests, protocol)
    watch = _Watch(requests, protocol, threads, pace or Pace())
    deadline = time.perf_counter() + protocol.max_seconds
    attempts = [watch.attempt(run, partial(_enough, protocol))]
    while watch.disturbed(attempts[-1]) and len(attempts) <= protocol.repeats and time.perf_counter() <= deadline:
        attempts.append(watch.attempt(run, partial(_enough, protocol)))
    return watch.timing(watch.kept(attempts, 1))


def measure_interleaved(
    runs: Mapping[str, Run],
    requests: Sequence[Request],
    protocol: LatencyProtocol,
    *,
    threads: int = 1,
    pace: Pace | None = None,
) -> dict[str, Timing]:
    """Time several models against each other, in rounds of one cycle each, or as many as fill a round's time.

    The models take turns in being first. Each block is warmed up on a few requests, since a cold cache is not what a
    server has. Disturbed blocks are left out, and made up for by further rounds.
    """
    _check(requests)
    for run in runs.values():
        warm_up(run, requests, protocol)
    watch, names = _Watch(requests, protocol, threads, pace or Pace()), list(runs)
    attempts: dict[str, list[_Attempt]] = {name: [] for name in names}
    slot_s = ROUND_S / len(names) if protocol.min_span_seconds else 0.0
    begin = time.perf_counter()
    for block in count():
        clean = min(len(of) - sum(map(watch.disturbed, of)) for of in attempts.values())
        if block > 0 and _over(protocol, block, clean, time.perf_counter() - begin, len(names)):
            break
        turn = block % len(names)
        for name in names[turn:] + names[:turn]:
            for request in requests[-protocol.warmup_requests :]:
                runs[name](request)
            attempts[name].append(watch.attempt(runs[name], partial(_after, time.perf_counter() + slot_s)))
    return {name: watch.timing(watch.kept(of, min(protocol.blocks, len(of)))) for name, of in attempts.items()}


def _over(protocol: LatencyProtocol, block: int, clean: int, seconds: float, models: int) -> bool:
    """Whether there were rounds enough, and ``protocol.blocks`` of them without a disturbance, or too many."""
    more = 1.0 if clean >= protocol.blocks else 1.0 + protocol.repeats / 4
    done = block >= more * protocol.blocks and seconds >= more * protocol.min_span_seconds
    return done or seconds > max(protocol.max_seconds * models, more * protocol.min_span_seconds)


def warm_up(run: Run, requests: Sequence[Request], protocol: LatencyProtocol) -> int:
    """Run windows of the first requests until their time is stable or too long; the number of requests run."""
    window = requests[: protocol.warmup_requests]
    started = time.perf_counter()
    previous, done = float("inf"), 0
    while True:
        begin = time.perf_counter()
        for request in window:
            run(request)
            done += 1
            if time.perf_counter() - started > protocol.warmup_max_seconds:
                return done
        elapsed = time.perf_counter() - begin
        if abs(previous - elapsed) <= protocol.warmup_tolerance * elapsed:
            return done
        previous = elapsed


def _enough(protocol: LatencyProtocol, served: int, seconds: float) -> bool:
    reached = served >= protocol.min_requests and seconds >= protocol.min_seconds
    return reached or seconds >= protocol.max_seconds


def _after(moment: float, _served: int, _seconds: float) -> bool:
    return time.perf_counter() >= moment


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


def _check(requests: Sequence[Request]) -> None:
    if not requests:
        raise InputError("latency is measured over at least one request, but got none; draw some first")
