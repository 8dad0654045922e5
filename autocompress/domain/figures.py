"""Defines the measured figures of a model, which trials, baselines, manifests and reports store as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field

from autocompress.system.serialization import Stored


@dataclass(frozen=True)
class Quality(Stored):
    """Holds a task metric on the ``count`` rows of one split, as a fraction (0.907, not 90.7) of which more is better.

    ``interval`` is its 95% bootstrap interval over the rows. ``secondary`` are further metrics by name. ``expected`` is
    an estimate of the metric on new texts (tasks/expected.py), or None if there is none.
    """

    metric: str
    value: float
    interval: tuple[float, float]
    count: int
    secondary: dict[str, float] = field(default_factory=dict)
    expected: float | None = None

    @property
    def estimate(self) -> float:
        """Return the value to choose models by: the expected one, or the measured one if there is none."""
        return self.value if self.expected is None else self.expected


@dataclass(frozen=True)
class Latency(Stored):
    """Holds the milliseconds per request, at the target's batch size and threads and over the texts' token lengths.

    ``mean`` is the mean of the median round (measurement/interference.py); the mean of another measurement is in
    ``mean_interval`` with 95% probability (``repeat_interval``). ``p50`` and ``p95`` are percentiles over ``count``
    timed requests. ``cpu_share`` is the CPU time used over that available to the threads; less than 1 is a sign of
    interference. ``disturbed`` tells that other work interfered even when the measurement was repeated. ``energy_mj``
    is the energy per request of the processor packages, in millijoules, whatever else ran; None if it is not reported.
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
        """Return ``mean``, ``p50`` or ``p95`` by name, in milliseconds; KeyError for another name."""
        return {"mean": self.mean, "p50": self.p50, "p95": self.p95}[name]


@dataclass(frozen=True)
class Figures(Stored):
    """Holds all figures of one model file; ``memory_bytes`` is the peak resident memory of a process that serves it."""

    validation: Quality
    latency_ms: Latency
    size_bytes: int
    memory_bytes: int
    test: Quality | None = None


@dataclass(frozen=True)
class Baseline(Stored):
    """Holds the figures of a baseline, ``pytorch-fp32``, ``onnxruntime-fp32`` or ``onnxruntime-int8``.

    These are the teacher. ``onnxruntime-int8-student`` is the student checkpoint of a study that has one, fine-tuned on
    the labels alone.
    """

    name: str
    figures: Figures
