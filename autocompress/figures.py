"""What was measured: typed values with a JSON form, shared by trials, baselines, manifests and reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from autocompress.configuration import (
    Configuration,
    configuration_digest,
    configuration_from_json,
    configuration_to_json,
)
from autocompress.errors import StudyError

RESULT_VERSION = 1


@dataclass(frozen=True)
class Quality:
    """A task metric on one split: a fraction (0.907, not 90.7), higher is better; ``interval`` is 95% bootstrap.

    ``expected`` is what fresh texts are expected to give (tasks/expected.py), where that is known.
    """

    metric: str
    value: float
    interval: tuple[float, float]
    count: int
    secondary: dict[str, float] = field(default_factory=dict)
    expected: float | None = None

    @property
    def estimate(self) -> float:
        """What choices rest on: the expected value, or the measured one where none is known."""
        return self.value if self.expected is None else self.expected

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Quality:
        low, high = data["interval"]
        return cls(**{**data, "interval": (low, high)})


@dataclass(frozen=True)
class Latency:
    """Milliseconds per request at the problem's batch size and threads, over real token lengths.

    ``mean_interval`` is the 95% bootstrap interval of the mean; ``cpu_share`` is CPU time over wall time, whose fall
    below 1 shows a disturbed run; ``disturbed`` is set where repeating did not help.
    """

    mean: float
    p50: float
    p95: float
    mean_interval: tuple[float, float]
    count: int
    cpu_share: float
    disturbed: bool = False

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Latency:
        low, high = data["mean_interval"]
        return cls(**{**data, "mean_interval": (low, high)})

    def statistic(self, name: str) -> float:
        """``mean``, ``p50`` or ``p95`` in milliseconds."""
        return {"mean": self.mean, "p50": self.p50, "p95": self.p95}[name]


@dataclass(frozen=True)
class Figures:
    """Everything measured from one file. ``memory_bytes`` is the peak resident memory of a process that serves it."""

    validation: Quality
    latency_ms: Latency
    size_bytes: int
    memory_bytes: int
    test: Quality | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Figures:
        return cls(
            validation=Quality.from_json(data["validation"]),
            latency_ms=Latency.from_json(data["latency_ms"]),
            size_bytes=data["size_bytes"],
            memory_bytes=data["memory_bytes"],
            test=None if data.get("test") is None else Quality.from_json(data["test"]),
        )


@dataclass(frozen=True)
class Baseline:
    """A stock path a user would take (``pytorch-fp32``, ``onnxruntime-fp32``, ``onnxruntime-int8``)."""

    name: str
    figures: Figures

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "figures": self.figures.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Baseline:
        return cls(data["name"], Figures.from_json(data["figures"]))


@dataclass(frozen=True)
class TrialResult:
    """The content of a result file: one configuration, compiled once and measured, or why that failed.

    ``artifact_digest`` is the SHA-256 of model.onnx, ``fingerprint`` the digest of the hardware fingerprint,
    ``seconds`` the time of each step (cut, compile, quality, latency), ``stage`` one of search, refine, verify.
    """

    trial: int
    attempt: int
    configuration: Configuration
    figures: Figures | None
    reason: str | None = None
    artifact_digest: str = ""
    fingerprint: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    stage: str = "search"

    @property
    def digest(self) -> str:
        """The configuration's digest."""
        return configuration_digest(self.configuration)

    def to_json(self) -> dict[str, Any]:
        data = {name: getattr(self, name) for name in ("trial", "attempt", "reason", "artifact_digest", "fingerprint")}
        return {
            "version": RESULT_VERSION,
            **data,
            "seconds": self.seconds,
            "stage": self.stage,
            "configuration": configuration_to_json(self.configuration),
            "digest": self.digest,
            "figures": None if self.figures is None else self.figures.to_json(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TrialResult:
        """Read a result file's object; StudyError if it is not one or its digest does not fit."""
        try:
            if data["version"] != RESULT_VERSION:
                raise StudyError(f"result version must be {RESULT_VERSION}, but got {data['version']!r}")
            fields = ("trial", "attempt", "reason", "artifact_digest", "fingerprint", "seconds", "stage")
            result = cls(
                configuration=configuration_from_json(data["configuration"]),
                figures=None if data["figures"] is None else Figures.from_json(data["figures"]),
                **{name: data[name] for name in fields},
            )
            stored = data["digest"]
        except (KeyError, TypeError, ValueError) as error:
            raise StudyError(f"not a trial's result: {type(error).__name__}: {error}") from error
        if result.digest != stored:
            raise StudyError(f"the result's configuration has digest {result.digest}, but the file says {stored}")
        return result
