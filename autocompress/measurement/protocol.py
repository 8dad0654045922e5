"""The timing loop: warm-up until stable, whole cycles over the same requests, and a check that nothing disturbed it.

A run is disturbed where its threads were not on a processor or had to leave it often (another process was there), the
hypervisor took the processor away, or its clock changed; such a run is repeated, and marked where repeating does not
help. With several threads, which spin while they wait for each other, the processor time of all of them counts.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autocompress.errors import InputError
from autocompress.figures import Latency
from autocompress.measurement.conditions import Conditions, between, read_conditions
from autocompress.measurement.requests import Request
from autocompress.measurement.statistics import summarise_latency

Run = Callable[[Request], Any]
ROUNDS = 16


@dataclass(frozen=True)
class LatencyProtocol:
    """How latency is measured; times in seconds.

    One cycle goes once over all requests, so every model sees the same lengths. Cycles are run until both
    ``min_requests`` and ``min_seconds`` are reached, or after the cycle in which ``max_seconds`` passed; after that
    nothing is repeated either. Warm-up runs windows of the same ``warmup_requests`` requests until one takes within
    ``warmup_tolerance`` of the one before. ``blocks`` is the number of rounds of an interleaved measurement, fewer when
    ``max_seconds`` per model have passed; they are spread over ``min_span_seconds``, in which the models go on serving,
    since a neighbour on the machine slows everything for seconds at a time. A run is disturbed below ``min_cpu_share``
    of the processor time that its threads could have had, or above the other limits: the share of the time that was
    stolen, involuntary context switches per second, and the fraction by which the clock changed.
    """

    min_requests: int = 200
    min_seconds: float = 0.4
    max_seconds: float = 20.0
    warmup_requests: int = 10
    warmup_tolerance: float = 0.05
    warmup_max_seconds: float = 1.0
    min_cpu_share: float = 0.9
    max_stolen_share: float = 0.05
    max_switches_per_s: float = 250.0
    max_clock_change: float = 0.1
    repeats: int = 2
    blocks: int = 5
    min_span_seconds: float = 0.0

    def __post_init__(self) -> None:
        for name in ("min_requests", "warmup_requests", "blocks"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, but got {getattr(self, name)}")
        for name in (
            "min_seconds", "max_seconds", "warmup_tolerance", "warmup_max_seconds", "repeats", "min_span_seconds"
        ):  # fmt: skip
            if not getattr(self, name) >= 0:
                raise InputError(f"{name} must not be negative, but got {getattr(self, name)}")


FINAL = LatencyProtocol(blocks=8, min_span_seconds=16.0)
"""For the figures that a user takes away."""
BRIEF = LatencyProtocol()
"""For the same in a run that has no time for that."""


@dataclass(frozen=True)
class Timing:
    """Raw samples [n] in milliseconds per request, whole cycles in the order of the requests.

    ``rounds_ms`` are the means of parts of them, one after the other in time.
    """

    samples_ms: NDArray[np.float64]
    rounds_ms: NDArray[np.float64]
    cpu_share: float
    disturbed: bool
    energy_mj: float | None = None

    def latency(self) -> Latency:
        """The summary that is stored."""
        return summarise_latency(
            self.samples_ms, self.cpu_share, self.disturbed, rounds_ms=self.rounds_ms, energy_mj=self.energy_mj
        )


@dataclass(frozen=True)
class _Attempt:
    samples_ns: list[int]
    cpu_share: float
    conditions: Conditions

    def disturbed(self, protocol: LatencyProtocol) -> bool:
        return (
            self.cpu_share < protocol.min_cpu_share
            or self.conditions.stolen_share > protocol.max_stolen_share
            or self.conditions.switches_per_s > protocol.max_switches_per_s
            or self.conditions.clock_change > protocol.max_clock_change
        )


def measure(run: Run, requests: Sequence[Request], protocol: LatencyProtocol, *, threads: int = 1) -> Timing:
    """Time ``run`` over ``requests``; of the attempts the one with the largest share of the processor is kept."""
    _check(requests)
    warm_up(run, requests, protocol)
    deadline = time.perf_counter() + protocol.max_seconds
    attempt = _least_disturbed(run, requests, protocol, threads, deadline)
    cycles = np.asarray(attempt.samples_ns, np.float64).reshape(-1, len(requests)).mean(axis=1) / 1e6
    rounds = [part.mean() for part in np.array_split(cycles, min(len(cycles), ROUNDS))]
    return _timing([attempt], np.array(rounds), protocol)


def measure_interleaved(
    runs: Mapping[str, Run], requests: Sequence[Request], protocol: LatencyProtocol, *, threads: int = 1
) -> dict[str, Timing]:
    """Time several models against each other: ``protocol.blocks`` rounds of one cycle each, in turning order.

    Each block is warmed up on a few requests, since a cold cache is not what a server has, and on more to spread the
    rounds. Samples of all models are paired: sample k of one and sample k of another saw the same request in the same
    round.
    """
    _check(requests)
    for run in runs.values():
        warm_up(run, requests, protocol)
    names = list(runs)
    attempts: dict[str, list[_Attempt]] = {name: [] for name in names}
    begin = time.perf_counter()
    deadline = begin + protocol.max_seconds * len(names)
    slot_s = protocol.min_span_seconds / (protocol.blocks * len(names))
    for block in range(protocol.blocks):
        if block > 0 and time.perf_counter() > deadline:
            break
        turn = block % len(names)
        for place, name in enumerate(names[turn:] + names[:turn]):
            _serve_until(begin + (block * len(names) + place) * slot_s, runs[name], requests, protocol)
            attempts[name].append(_least_disturbed(runs[name], requests, protocol, threads, deadline, cycles=1))
    return {name: _timing(attempts[name], _means(attempts[name]), protocol) for name in names}


def _serve_until(moment: float, run: Run, requests: Sequence[Request], protocol: LatencyProtocol) -> None:
    """Serve the last few requests, again and again until the ``moment`` has come."""
    while True:
        for request in requests[-protocol.warmup_requests :]:
            run(request)
        if time.perf_counter() >= moment:
            return


def _means(attempts: Sequence[_Attempt]) -> NDArray[np.float64]:
    return np.array([np.mean(attempt.samples_ns) for attempt in attempts]) / 1e6


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


def _least_disturbed(
    run: Run,
    requests: Sequence[Request],
    protocol: LatencyProtocol,
    threads: int,
    deadline: float,
    *,
    cycles: int | None = None,
) -> _Attempt:
    """The first undisturbed attempt; else, after the repeats or the deadline, the least disturbed one."""
    attempts = [_attempt(run, requests, protocol, threads, cycles)]
    while attempts[-1].disturbed(protocol):
        if len(attempts) > protocol.repeats or time.perf_counter() > deadline:
            return max(attempts, key=lambda attempt: attempt.cpu_share - attempt.conditions.stolen_share)
        attempts.append(_attempt(run, requests, protocol, threads, cycles))
    return attempts[-1]


def _attempt(
    run: Run, requests: Sequence[Request], protocol: LatencyProtocol, threads: int, cycles: int | None
) -> _Attempt:
    clock = time.perf_counter_ns
    samples: list[int] = []
    with _no_garbage_collection():
        before, begin = read_conditions(), clock()
        while True:
            for request in requests:
                start = clock()
                run(request)
                samples.append(clock() - start)
            seconds = (clock() - begin) / 1e9
            if cycles is not None or _enough(len(samples), seconds, protocol):
                break
        conditions = between(before, read_conditions())
    share = conditions.cpu_seconds / (conditions.seconds * min(threads, _processors()))
    return _Attempt(samples, min(share, 1.0), conditions)


def _enough(count: int, seconds: float, protocol: LatencyProtocol) -> bool:
    reached = count >= protocol.min_requests and seconds >= protocol.min_seconds
    return reached or seconds >= protocol.max_seconds


def _timing(attempts: Sequence[_Attempt], rounds_ms: NDArray[np.float64], protocol: LatencyProtocol) -> Timing:
    counts = [len(attempt.samples_ns) for attempt in attempts]
    samples = np.concatenate([np.asarray(attempt.samples_ns, np.float64) for attempt in attempts]) / 1e6
    share = float(np.average([attempt.cpu_share for attempt in attempts], weights=counts))
    joules = [attempt.conditions.joules for attempt in attempts]
    energy_mj = None if None in joules else 1000.0 * sum(used for used in joules if used is not None) / sum(counts)
    return Timing(samples, rounds_ms, share, any(attempt.disturbed(protocol) for attempt in attempts), energy_mj)


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
