"""Times one model, or several in turn: warm-up until stable, then rounds over the same requests.

A disturbed round (see ``interference``) is repeated, and marked where repeating does not help.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import count

from autocompress.hardware.core_speed import CoreSpeed
from autocompress.measurement.interference import InterferenceMonitor, Round, Run
from autocompress.measurement.protocol import ROUND_S, LatencyProtocol
from autocompress.measurement.requests import Request
from autocompress.measurement.timing import Timing
from autocompress.system.errors import InputError

NO_REQUESTS: Mapping[str, Sequence[Request]] = {}


def measure(
    run: Run,
    requests: Sequence[Request],
    protocol: LatencyProtocol,
    *,
    threads: int = 1,
    core_speed: CoreSpeed | None = None,
) -> Timing:
    """Time ``run`` over ``requests`` in one round: the first that nothing interrupts, or else the least disturbed.

    InputError without requests.
    """
    _check(requests)
    warm_up(run, requests, protocol)
    monitor = InterferenceMonitor(requests, protocol, threads, core_speed or CoreSpeed())
    deadline = time.perf_counter() + protocol.max_seconds
    rounds = [monitor.time_round(run, partial(_is_enough, protocol))]
    while monitor.is_interrupted(rounds[-1]) and len(rounds) <= protocol.repeats and time.perf_counter() <= deadline:
        rounds.append(monitor.time_round(run, partial(_is_enough, protocol)))
    return monitor.timing(monitor.least_disturbed(rounds, 1))


def measure_interleaved(
    runs: Mapping[str, Run],
    requests: Sequence[Request],
    protocol: LatencyProtocol,
    *,
    threads: int = 1,
    core_speed: CoreSpeed | None = None,
    own_requests: Mapping[str, Sequence[Request]] = NO_REQUESTS,
) -> dict[str, Timing]:
    """Time several models against each other, a round of each in turn: of one cycle, or as long as ``ROUND_S`` allows.

    The models take turns in being first. A few requests warm each round up, since a server's cache is not cold.
    Disturbed rounds are left out, and further ones make up for them. A model that is named in ``own_requests`` serves
    those. InputError without requests.
    """
    served = {name: own_requests.get(name, requests) for name in runs}
    for name, run in runs.items():
        _check(served[name])
        warm_up(run, served[name], protocol)
    names, core_speed = list(runs), core_speed or CoreSpeed()
    monitors = {name: InterferenceMonitor(served[name], protocol, threads, core_speed) for name in names}
    rounds: dict[str, list[Round]] = {name: [] for name in names}
    slot_s = ROUND_S / len(names) if protocol.min_span_seconds else 0.0
    begin = time.perf_counter()
    for number in count():
        undisturbed = min(len(of) - sum(map(monitors[name].is_disturbed, of)) for name, of in rounds.items())
        if number > 0 and _has_ended(protocol, number, undisturbed, time.perf_counter() - begin, len(names)):
            break
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            for request in served[name][-protocol.warmup_requests :]:
                runs[name](request)
            rounds[name].append(monitors[name].time_round(runs[name], partial(_is_after, time.perf_counter() + slot_s)))
    return {name: _timing(monitors[name], of, min(protocol.rounds, len(of))) for name, of in rounds.items()}


def _timing(monitor: InterferenceMonitor, rounds: Sequence[Round], fewest: int) -> Timing:
    return monitor.timing(monitor.least_disturbed(rounds, fewest))


def _has_ended(protocol: LatencyProtocol, rounds: int, undisturbed: int, seconds: float, models: int) -> bool:
    """Whether there were enough rounds, ``protocol.rounds`` of them undisturbed, or as many as may be repeated."""
    more = 1.0 if undisturbed >= protocol.rounds else 1.0 + protocol.repeats / 4
    done = rounds >= more * protocol.rounds and seconds >= more * protocol.min_span_seconds
    return done or seconds > max(protocol.max_seconds * models, more * protocol.min_span_seconds)


def warm_up(run: Run, requests: Sequence[Request], protocol: LatencyProtocol) -> int:
    """Serve the first requests again and again until their time is stable or the warm-up too long.

    Returns the number of requests served.
    """
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


def _is_enough(protocol: LatencyProtocol, kept: int, seconds: float) -> bool:
    reached = kept >= protocol.min_requests and seconds >= protocol.min_seconds
    return reached or seconds >= protocol.max_seconds


def _is_after(moment: float, _kept: int, _seconds: float) -> bool:
    return time.perf_counter() >= moment


def _check(requests: Sequence[Request]) -> None:
    if not requests:
        raise InputError("latency is measured over at least one request, but got none; draw some first")
