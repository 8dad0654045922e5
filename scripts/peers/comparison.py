"""Compares every model's figures, and finds what the front offers at a rival's quality and latency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autocompress.domain.figures import Quality
from autocompress.measurement.quality import quality_of
from autocompress.measurement.statistics import metric_interval
from autocompress.measurement.stock_models import PYTORCH
from autocompress.tasks.metrics import metric_of
from autocompress.tasks.task import Task
from peers.measuring import Measured, Model, Timed

FRONT = "front"


@dataclass(frozen=True)
class Difference:
    """A model's test metric minus another's on the same rows (a fraction), and its paired 95% bootstrap interval."""

    value: float
    interval: tuple[float, float]

    @property
    def is_loss(self) -> bool:
        """Return whether the first model is significantly worse than the second."""
        return self.interval[1] < 0


@dataclass(frozen=True)
class Row:
    """One model's figures. ``speed`` is against onnxruntime-int8, ``against_pytorch`` against pytorch-fp32."""

    model: Model
    quality: Quality
    to_teacher: Difference
    timed: Timed
    against_pytorch: float

    @property
    def mean_ms(self) -> float:
        """Return the mean latency over all passes."""
        return float(self.timed.samples_ms.mean())

    @property
    def p95_ms(self) -> float:
        """Return the 95th percentile of the latency over all passes."""
        return float(np.percentile(self.timed.samples_ms, 95))

    @property
    def speed(self) -> float:
        """Return how many times as fast as onnxruntime-int8 the model is."""
        return self.timed.speed


@dataclass(frozen=True)
class Offer:
    """A point of the front, and its test metric minus a rival's."""

    point: Row
    difference: Difference


@dataclass(frozen=True)
class Answer:
    """The points of the front that could replace a rival.

    ``at_quality`` is the fastest point that is not significantly worse; ``at_latency`` the slowest point that is at
    least as fast. None where there is no such point.
    """

    rival: Row
    at_quality: Offer | None
    at_latency: Offer | None

    @property
    def factor(self) -> float | None:
        """Return how many times as fast as the rival the point ``at_quality`` is."""
        return None if self.at_quality is None else self.at_quality.point.speed / self.rival.speed


@dataclass(frozen=True)
class Comparison:
    """All models' figures and answers, with the hardware, the target and the packages: what the report is made of."""

    study: str
    metric: str
    test_rows: int
    rows: tuple[Row, ...]
    answers: tuple[Answer, ...]
    not_run: Mapping[str, str]
    hardware: Mapping[str, Any]
    target: Mapping[str, Any]
    packages: Mapping[str, Mapping[str, str]]

    def to_json(self) -> dict[str, Any]:
        """Return the object that ``peers.json`` holds."""
        plain = ("study", "metric", "test_rows", "not_run", "hardware", "target", "packages")
        return {
            **{name: getattr(self, name) for name in plain},
            "models": [_row_json(row) for row in self.rows],
            "answers": [_answer_json(answer) for answer in self.answers],
        }


def compare_rows(
    models: Sequence[Model], measured: Measured, task: Task, labels: NDArray[Any]
) -> tuple[tuple[Row, ...], tuple[Answer, ...]]:
    """Return the rows in the order of the models, and an answer for each model that is not on the front."""
    outputs, teacher = measured.outputs, measured.timings[PYTORCH]

    def row(model: Model) -> Row:
        timed = measured.timings[model.name]
        return Row(
            model=model,
            quality=quality_of(task, outputs[model.name], labels),
            to_teacher=difference(task, outputs[model.name], outputs[PYTORCH], labels),
            timed=timed,
            against_pytorch=timed.speed / teacher.speed,
        )

    rows = tuple(row(model) for model in models)
    front = sorted((row for row in rows if row.model.kind == FRONT), key=lambda row: -row.speed)

    def answer(rival: Row) -> Answer:
        offers = [
            Offer(point, difference(task, outputs[point.model.name], outputs[rival.model.name], labels))
            for point in front
        ]
        as_good = [offer for offer in offers if not offer.difference.is_loss]
        as_fast = [offer for offer in offers if offer.point.speed >= rival.speed]
        return Answer(rival, next(iter(as_good), None), next(reversed(as_fast), None))

    return rows, tuple(answer(row) for row in rows if row.model.kind != FRONT)


def difference(task: Task, first: NDArray[Any], second: NDArray[Any], labels: NDArray[Any]) -> Difference:
    """Return the metric of ``first`` [n, num_outputs] minus that of ``second``; rows are resampled in pairs."""

    def paired(outputs: NDArray[Any], truth: NDArray[Any]) -> float:
        return metric_of(task, outputs[:, 0], truth) - metric_of(task, outputs[:, 1], truth)

    both = np.stack([first, second], axis=1)
    return Difference(paired(both, labels), metric_interval(paired, both, labels))


def _row_json(row: Row) -> dict[str, Any]:
    timed = row.timed
    return {
        "name": row.model.name,
        "kind": row.model.kind,
        "process": row.model.runtime.name,
        "note": row.model.note,
        "test": asdict(row.quality),
        "difference_to_teacher": asdict(row.to_teacher),
        "latency_ms": {
            "mean": row.mean_ms,
            "p95": row.p95_ms,
            "disturbed": timed.disturbed,
            "passes": [asdict(one.latency) for one in timed.passes],
            "anchor_mean_by_pass": list(timed.anchor_ms),
        },
        "speed_against_anchor": {"all": row.speed, "by_pass": list(timed.speeds)},
        "speed_against_pytorch": row.against_pytorch,
        "size_bytes": row.model.size_bytes,
        "memory_bytes": max(one.memory_bytes for one in timed.passes),
    }


def _answer_json(answer: Answer) -> dict[str, Any]:
    return {
        "rival": answer.rival.model.name,
        "times_as_fast": answer.factor,
        "at_quality": _offer_json(answer.at_quality),
        "at_latency": _offer_json(answer.at_latency),
    }


def _offer_json(offer: Offer | None) -> dict[str, Any] | None:
    return None if offer is None else {"point": offer.point.model.name, "difference": asdict(offer.difference)}
