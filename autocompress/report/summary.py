"""A study as one value that tables, plots and JSON are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

from autocompress.domain.figures import Baseline, Figures
from autocompress.domain.problem import Problem
from autocompress.students.configuration import Configuration, configuration_to_json, describe

State = Literal["running", "interrupted", "finished"]
TEACHER_BASELINE = "pytorch-fp32"


class PhaseTimes(TypedDict):
    """A phase's share of the time budget and what it took; ``used_s`` is None while it has not ended."""

    name: str
    planned_s: float
    used_s: float | None


@dataclass(frozen=True)
class FrontPoint:
    """One non-dominated artefact.

    ``feasible`` is None until the point was verified; ``speedup`` is a baseline's mean latency over this point's
    (above 1 is faster); ``stage`` is search, refine or verify, the last at which it was measured.
    """

    trial: int
    feasible: bool | None
    configuration: Configuration
    figures: Figures
    speedup: Mapping[str, float] = field(default_factory=dict)
    stage: str = "search"
    refined: bool = False

    def to_json(self) -> dict[str, Any]:
        """The object that stands in the ``front`` of ``autocompress show --json``."""
        return {
            "trial": self.trial,
            "feasible": self.feasible,
            "stage": self.stage,
            "refined": self.refined,
            "description": describe(self.configuration),
            "configuration": configuration_to_json(self.configuration),
            **figures_to_json(self.figures),
            "speedup": dict(self.speedup),
        }


@dataclass(frozen=True)
class StudySummary:
    """Everything a report says of a study.

    ``front`` is in order of mean latency; ``dominated`` holds (figures, trial) of the other measured trials, for the
    plot; ``trials`` counts trials by state; ``updated`` is the time of the last change in seconds since the epoch.
    """

    study: str
    state: State
    problem: Problem
    baselines: Sequence[Baseline]
    trials: Mapping[str, int]
    front: Sequence[FrontPoint]
    dominated: Sequence[tuple[Figures, int]] = ()
    metric: str = "accuracy"
    notes: Sequence[str] = ()
    phases: Sequence[PhaseTimes] = ()
    hardware: Mapping[str, Any] = field(default_factory=dict)
    updated: float | None = None
    teacher: float | None = None

    @property
    def teacher_quality(self) -> float | None:
        """The teacher's validation quality in float32; None before it is known."""
        values = [b.figures.validation.value for b in self.baselines if b.name == TEACHER_BASELINE]
        return values[0] if values else self.teacher

    def to_json(self) -> dict[str, Any]:
        """The object that ``autocompress show --json`` prints."""
        return {
            "study": self.study,
            "state": self.state,
            "problem": self.problem.to_json(),
            "metric": self.metric,
            "baselines": [
                {
                    "name": baseline.name,
                    **figures_to_json(baseline.figures),
                    "speedup": speedups(baseline.figures, self.baselines),
                }
                for baseline in self.baselines
            ],
            "trials": dict(self.trials),
            "front": [point.to_json() for point in self.front],
            "phases": [dict(phase) for phase in self.phases],
            "notes": list(self.notes),
            "hardware": dict(self.hardware),
        }


def speedups(figures: Figures, baselines: Sequence[Baseline]) -> dict[str, float]:
    """Each baseline's mean latency over that of ``figures``; above 1 is faster than the baseline."""
    return {b.name: b.figures.latency_ms.mean / figures.latency_ms.mean for b in baselines}


def figures_to_json(figures: Figures) -> dict[str, Any]:
    """The measured fields as front points and baselines carry them; ``interval`` is that of the validation value."""
    latency = figures.latency_ms
    return {
        "quality": {
            "metric": figures.validation.metric,
            "validation": figures.validation.value,
            "expected": figures.validation.expected,
            "interval": list(figures.validation.interval),
            "test": None if figures.test is None else figures.test.value,
            "test_interval": None if figures.test is None else list(figures.test.interval),
            "secondary": dict(figures.validation.secondary),
            "test_secondary": None if figures.test is None else dict(figures.test.secondary),
        },
        "latency_ms": {
            "mean": latency.mean,
            "p50": latency.p50,
            "p95": latency.p95,
            "mean_interval": list(latency.mean_interval),
            "disturbed": latency.disturbed,
            "energy_mj": latency.energy_mj,
        },
        "size_bytes": figures.size_bytes,
        "memory_bytes": figures.memory_bytes,
    }
