"""The timing loop: warm-up until stable, then whole cycles over the same requests, of one model or of several in turn.

A disturbed attempt (``monitor``) is repeated, and marked where repeating does not help.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import count

from autocompress.hardware.core_speed import CoreSpeed
from autocompress.measurement.interference import Attempt, InterferenceMonitor, Run
from autocompress.measurement.protocol import ROUND_S, LatencyProtocol
from autocompress.measurement.requests import Request
from autocompress.measurement.timing import Timing
from autocompress.system.errors import InputError


def measure(
    run: Run,
    requests: Sequence[Request],
    protocol: LatencyProtocol,
    *,
    threads: int = 1,
    core_speed: CoreSpeed | None = None,
) -> Timing:
    """Time ``run`` over ``requests``: the first attempt that nothing interrupts, or the least disturbed one."""
    _check(requests)
    warm_up(run, requests, protocol)
    monitor = InterferenceMonitor(requests, protocol, threads, core_speed or CoreSpeed())
    deadline = time.perf_counter() + protocol.max_seconds
    attempts = [monitor.attempt(run, partial(_enough, protocol))]
    while monitor.interrupted(attempts[-1]) and len(attempts) <= protocol.repeats and time.perf_counter() <= deadline:
        attempts.append(monitor.attempt(run, partial(_enough, protocol)))
    return monitor.timing(monitor.kept(attempts, 1))


def measure_interleaved(
    runs: Mapping[str, Run],
    requests: Sequence[Request],
    protocol: LatencyProtocol,
    *,
    threads: int = 1,
    core_speed: CoreSpeed | None = None,
) -> dict[str, Timing]:
    """Time several models against each other, in rounds of one cycle each, or as many as fill a round's time.

    The models take turns in being first. Each block is warmed up on a few requests, since a cold cache is not what a
    server has. Disturbed blocks are left out, and made up for by further rounds.
    """
    _check(requests)
    for run in runs.values():
        warm_up(run, requests, protocol)
    monitor, names = InterferenceMonitor(requests, protocol, threads, core_speed or CoreSpeed()), list(runs)
    attempts: dict[str, list[Attempt]] = {name: [] for name in names}
    slot_s = ROUND_S / len(names) if protocol.min_span_seconds else 0.0
    begin = time.perf_counter()
    for block in count():
        clean = min(len(of) - sum(map(monitor.disturbed, of)) for of in attempts.values())
        if block > 0 and _over(protocol, block, clean, time.perf_counter() - begin, len(names)):
            break
        turn = block % len(names)
        for name in names[turn:] + names[:turn]:
            for request in requests[-protocol.warmup_requests :]:
                runs[name](request)
            attempts[name].append(monitor.attempt(runs[name], partial(_after, time.perf_counter() + slot_s)))
    return {name: monitor.timing(monitor.kept(of, min(protocol.blocks, len(of)))) for name, of in attempts.items()}


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


def _check(requests: Sequence[Request]) -> None:
    if not requests:
        raise InputError("latency is measured over at least one request, but got none; draw some first")
