"""How latency is measured: the settings of the timing loop, and which of them fit into a time."""

from __future__ import annotations

from dataclasses import dataclass, replace

from autocompress.system.errors import InputError

ROUND_S, SPAN_S, BLOCKS, PROCESSES = 2.0, 10.0, 2, 3


@dataclass(frozen=True)
class LatencyProtocol:
    """How latency is measured; times in seconds.

    One cycle goes once over all requests, so every model sees the same lengths. Cycles are run until both
    ``min_requests`` and ``min_seconds`` are reached, or after the cycle in which ``max_seconds`` passed; after that
    nothing is repeated either. Warm-up runs windows of the same ``warmup_requests`` requests until one takes within
    ``warmup_tolerance`` of the one before. An interleaved measurement goes on for ``blocks`` rounds and
    ``min_span_seconds``, but not after ``max_seconds`` per model; with a span a round takes at least ``ROUND_S``, since
    a neighbour on the machine slows everything for seconds at a time.

    Where the speed probe takes more than ``max_slowdown`` times its fastest, that stretch is taken again when
    the core is fast again, for ``max_waiting`` times as long as all others at most. A run is disturbed where more than
    ``max_slow_share`` of its time is slow for all that, below ``min_cpu_share`` of the processor time that its threads
    could have had (several threads, which spin while they wait for each other, count all), or above the other limits:
    the share of the time that was stolen, involuntary context switches per second, and the fraction by which the clock
    changed. For these it is repeated ``repeats`` times at most; an interleaved one goes on for a quarter of its rounds
    and span for each. All of that is done anew in ``processes`` processes, since one may be faster or slower than the
    next for as long as it lives (Kalibera and Jones 2013).
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
    blocks: int = 5
    min_span_seconds: float = 0.0
    processes: int = 1

    def __post_init__(self) -> None:
        for name in ("min_requests", "warmup_requests", "blocks", "processes"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, but got {getattr(self, name)}")
        seconds = ("min_seconds", "max_seconds", "warmup_max_seconds", "min_span_seconds")
        for name in (*seconds, "warmup_tolerance", "repeats", "max_waiting"):
            if not getattr(self, name) >= 0:
                raise InputError(f"{name} must not be negative, but got {getattr(self, name)}")

    def spread(self, seconds: float, cycle_s: float = 0.0) -> LatencyProtocol:
        """This over as much of ``seconds`` as is worth it; unchanged where they are too few.

        ``cycle_s`` is what one cycle of all models takes.
        """
        each_s = max(SPAN_S, BLOCKS * cycle_s)
        processes = min(max(int(seconds / each_s), 0), PROCESSES)
        return replace(self, blocks=BLOCKS, min_span_seconds=SPAN_S, processes=processes) if processes else self


FINAL = LatencyProtocol().spread(PROCESSES * SPAN_S)
"""For the figures that a user takes away, where there is time."""
