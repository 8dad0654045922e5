"""Says how latency is measured: the settings of the timing loop, and which of them fit into a given time."""

from __future__ import annotations

from dataclasses import dataclass, replace

from autocompress.system.errors import InputError

ROUND_S = 2.0
"""Seconds of one round of all models where ``min_span_seconds`` is set: a neighbour slows the machine for seconds."""
SPAN_S, ROUNDS, PROCESSES = 10.0, 2, 3
"""The seconds and the rounds of one process, and the most processes, of a measurement that has the time for them."""


@dataclass(frozen=True)
class LatencyProtocol:
    """How latency is measured; times in seconds. The words are those of ``interference``.

    Warm-up serves the first ``warmup_requests`` requests until this takes within ``warmup_tolerance`` of the time
    before, for ``warmup_max_seconds`` at most. A single model is then timed in one round: whole cycles until both
    ``min_requests`` and ``min_seconds`` are reached, or the cycle in which ``max_seconds`` passed. Several models are
    timed interleaved, for ``rounds`` rounds of each and ``min_span_seconds``, but not after ``max_seconds`` per model.

    The core is slow while the speed probe takes more than ``max_slowdown`` times its fastest. Slow stretches are
    discarded for ``max_waiting`` times as long as all others took, at most. A round is interrupted below
    ``min_cpu_share`` of the processor time that its threads could have had (several threads, which spin while they
    wait for each other, count all), or above ``max_stolen_share`` of stolen time, ``max_switches_per_s`` involuntary
    context switches per second, or ``max_clock_change``, a fraction of the clock. It is disturbed if it was
    interrupted or more than ``max_slow_share`` of it is slow. An interrupted single round is repeated ``repeats``
    times at most, but not after ``max_seconds``; an interleaved measurement with too few undisturbed rounds goes on
    for a quarter of its rounds and span for each repeat. All of that is done anew in ``processes`` processes, since
    one may be faster or slower than the next for as long as it lives (Kalibera and Jones 2013).

    InputError if a setting is out of range.
    """

    min_requests: int = 200
    min_seconds: float = 0.4
    max_seconds: float = 20.0
    warmup_requests: int = 10
    warmup_tolerance: float = 0.05
    warmup_max_seconds: float = 1.0
    min_cpu_share: float = 0.9
    max_slowdown: float = 1.25
    max_waiting: float = 3.0
    max_slow_share: float = 0.05
    max_stolen_share: float = 0.05
    max_switches_per_s: float = 250.0
    max_clock_change: float = 0.1
    repeats: int = 2
    rounds: int = 5
    min_span_seconds: float = 0.0
    processes: int = 1

    def __post_init__(self) -> None:
        for name in ("min_requests", "warmup_requests", "rounds", "processes"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, but got {getattr(self, name)}")
        seconds = ("min_seconds", "max_seconds", "warmup_max_seconds", "min_span_seconds")
        for name in (*seconds, "warmup_tolerance", "repeats", "max_waiting"):
            if not getattr(self, name) >= 0:
                raise InputError(f"{name} must not be negative, but got {getattr(self, name)}")

    def fitted_to(self, seconds: float, cycle_s: float = 0.0) -> LatencyProtocol:
        """Return this protocol with as many processes as ``seconds`` have room for; unchanged if not for one.

        ``cycle_s`` are the seconds of one cycle of all models.
        """
        each_s = max(SPAN_S, ROUNDS * cycle_s)
        processes = min(max(int(seconds / each_s), 0), PROCESSES)
        return replace(self, rounds=ROUNDS, min_span_seconds=SPAN_S, processes=processes) if processes else self


FINAL = LatencyProtocol().fitted_to(PROCESSES * SPAN_S)
"""For the figures that a user takes away, where there is time."""
