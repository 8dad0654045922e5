"""Measured figures: typed values with a JSON form, shared by trials, baselines, manifests and reports."""

from __future__ import annotations

from dataclasses import dataclass, field

from autocompress.system.serialization import Stored


@dataclass(frozen=True)
class Quality(Stored):
    """A task metric on one split: a fraction (0.907, not 90.7), higher is better; ``interval`` is 95% bootstrap.

    ``expected`` is the metric to expect on fresh texts (tasks/expected.py), where that is known.
    """

    metric: str
    value: float
    interval: tuple[float, float]
    count: int
    secondary: dict[str, float] = field(default_factory=dict)
    expected: float | None = None

    @property
    def estimate(self) -> float:
        """The value to choose by: the expected one, or the measured one where none is known."""
        return self.value if self.expected is None else self.expected


@dataclass(frozen=True)
class Latency(Stored):
    """Milliseconds per request at the problem's batch size and threads, over real token lengths.

    ``mean`` is that of the median round of the measurement, ``mean_interval`` where another such measurement's is
    expected at 95% (statistics.repeat_interval). ``cpu_share`` is CPU time over wall time, whose fall below 1 shows a
    disturbed run; ``disturbed`` is set where repeating did not help. ``energy_mj`` is what the processor packages used
    per request, in millijoules, with all else that ran; None where the system does not tell.
    """

    mean: float
    p50: float
    p95: float
    mean_interval: tuple[float, float]
    count: int
    cpu_share: float
    disturbed: bool = False
    energy_mj: float | None = None

    def statistic(self, name: str) -> float:
        """``mean``, ``p50`` or ``p95`` in milliseconds."""
        return {"mean": self.mean, "p50": self.p50, "p95": self.p95}[name]


@dataclass(frozen=True)
class Figures(Stored):
    """Everything measured from one file. ``memory_bytes`` is the peak resident memory of a process that serves it."""

    validation: Quality
    latency_ms: Latency
    size_bytes: int
    memory_bytes: int
    test: Quality | None = None


@dataclass(frozen=True)
class Baseline(Stored):
    """The figures of a stock path: ``pytorch-fp32``, ``onnxruntime-fp32``, ``onnxruntime-int8``."""

    name: str
    figures: Figures
