"""A study's figures as one value, from which tables, plots and JSON are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

from autocompress.domain.figures import Baseline, Figures
from autocompress.domain.problem import Problem
from autocompress.students.configuration import Configuration, configuration_to_json, describe
from autocompress.study.store import State

TEACHER_BASELINE = "pytorch-fp32"


class PhaseTime(TypedDict):
    """Wall-clock seconds that a phase was given and that it took; ``used_s`` is None while it has not ended."""

    name: str
    planned_s: float
    used_s: float | None


@dataclass(frozen=True)
class FrontPoint:
    """One measured artefact, as a rule a member of the Pareto front.

    ``feasible`` says whether it meets all constraints and is None until it was verified. ``speedup`` maps a baseline's
    name to that baseline's mean latency over this point's: above 1 this point is faster. ``stage`` is the last at
    which it was measured, ``search``, ``refine`` or ``verify``; ``refined`` says whether it was distilled further on
    its own.

    Example:
        >>> point = autocompress.open_study("whole").front[0]
        >>> point.trial, point.feasible, point.stage
        (23, True, 'verify')
        >>> point.figures.validation.value, point.figures.validation.metric
        (0.9166666666666666, 'accuracy')
        >>> round(point.figures.latency_ms.mean, 4), round(point.speedup["onnxruntime-int8"], 2)
        (0.0197, 3.27)
        >>> point.to_json()["description"]
        'cnn L1 H64 K1 E32 w8 e4 v33'
    """

    trial: int
    feasible: bool | None
    configuration: Configuration
    figures: Figures
    speedup: Mapping[str, float] = field(default_factory=dict)
    stage: str = "search"
    refined: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the object that stands in ``front`` of ``autocompress show --json``."""
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
    """Holds all that a report says of a study.

    ``front`` is in order of mean latency, the fastest first; ``dominated`` holds (figures, trial) of the other measured
    trials; ``trials`` counts trials by state. ``updated`` is the time of the last change in seconds since the epoch.
    ``teacher`` is the teacher's validation quality, for a study whose baselines were not measured.

    Example:
        >>> summary = autocompress.open_study("whole").summary
        >>> summary.state, summary.metric, summary.trials["complete"]
        ('finished', 'accuracy', 32)
        >>> [baseline.name for baseline in summary.baselines]
        ['pytorch-fp32', 'onnxruntime-fp32', 'onnxruntime-int8']
        >>> round(summary.teacher_quality, 3), len(summary.front), len(summary.dominated)
        (0.867, 9, 23)
        >>> summary.phases[0]
        {'name': 'teacher', 'planned_s': 14.4, 'used_s': 3.7}
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
    phases: Sequence[PhaseTime] = ()
    hardware: Mapping[str, Any] = field(default_factory=dict)
    updated: float | None = None
    teacher: float | None = None

    @property
    def teacher_quality(self) -> float | None:
        """The teacher's validation quality in float32, a fraction; None before it is known."""
        measured = measured_teacher(self.baselines)
        return self.teacher if measured is None else measured

    def to_json(self) -> dict[str, Any]:
        """Return the object that ``autocompress show --json`` prints."""
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


def checkpoints_of(problem: Problem) -> dict[str, str]:
    """Return the names of the two checkpoints of a problem, ``student`` and ``teacher``; nothing if it has one."""
    return {} if problem.student is None else {"student": problem.student, "teacher": problem.model or "demo"}


def measured_teacher(baselines: Sequence[Baseline]) -> float | None:
    """Return the validation quality of the teacher's float32 baseline; None if it was not measured."""
    return next((b.figures.validation.value for b in baselines if b.name == TEACHER_BASELINE), None)


def speedups(figures: Figures, baselines: Sequence[Baseline]) -> dict[str, float]:
    """Divide each baseline's mean latency by that of ``figures``; above 1 these are faster than the baseline."""
    return {b.name: b.figures.latency_ms.mean / figures.latency_ms.mean for b in baselines}


def figures_to_json(figures: Figures) -> dict[str, Any]:
    """Return the measured fields in the JSON form of front points and baselines.

    ``interval`` is that of the validation value; latencies are milliseconds, sizes bytes.
    """
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
