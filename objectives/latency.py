"""Milliseconds per request at the target's batch size and threads, over real token lengths."""

from dataclasses import dataclass

from autocompress.domain.figures import Figures
from objectives.objective import Constraint, Objective


def mean_latency_ms(figures: Figures) -> float:
    """The mean, the least noisy of the statistics; lower is better."""
    return figures.latency_ms.mean


@dataclass(frozen=True)
class AboveLatency:
    """How far a statistic (``mean``, ``p50``, ``p95``) is above ``bound_ms``, relative to it; at most 0 if kept."""

    bound_ms: float
    statistic: str

    def __call__(self, figures: Figures) -> float:
        """The relative violation."""
        return figures.latency_ms.statistic(self.statistic) / self.bound_ms - 1


def max_latency(bound_ms: float, statistic: str) -> Constraint:
    """At most ``bound_ms`` for the chosen statistic."""
    return Constraint("max_latency", bound_ms, AboveLatency(bound_ms, statistic))


LATENCY = Objective("latency", "minimize", "ms", mean_latency_ms)
"""The mean is optimised, whatever statistic a constraint bounds."""
