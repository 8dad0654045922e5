"""Metrics of a model's outputs against labels; numpy only, since a process that measures imports them too.

All metrics are higher where a model is better. Outputs [n, C] are logits of C classes, or numbers [n, 1].
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from autocompress.system.errors import MeasurementError

if TYPE_CHECKING:
    from autocompress.tasks.task import Task

Array = NDArray[Any]


def score(task: Task, outputs: Array, labels: Array) -> tuple[float, dict[str, float]]:
    """The task's metric of ``outputs`` [n, C] against ``labels`` [n], and those reported beside it, by name.

    MeasurementError if outputs are not finite or of the wrong shape.
    """
    check_outputs(task, outputs, labels)
    return metric_of(task, outputs, labels), task.definition.secondary_qualities(outputs, labels)


def metric_of(task: Task, outputs: Array, labels: Array) -> float:
    """The task's metric alone, unchecked: for resampling pairs of outputs and labels many times."""
    return task.definition.quality(outputs, labels)


def check_outputs(task: Task, outputs: Array, labels: Array) -> None:
    """Raise MeasurementError unless outputs are finite [n, num_outputs] with n = len(labels) > 0."""
    expected = (len(labels), task.num_outputs)
    if outputs.shape != expected or len(labels) == 0:
        raise MeasurementError(f"outputs must be of shape {expected} and not empty, but got {outputs.shape}")
    bad = int(np.count_nonzero(~np.isfinite(outputs)))
    if bad:
        raise MeasurementError(f"outputs must be finite, but {bad} of {outputs.size} are not")


def per_example_correct(outputs: Array, labels: Array) -> NDArray[np.bool_]:
    """Whether each row's largest output is its label's, bool [n]; of equal outputs the first counts."""
    return np.asarray(np.argmax(outputs, axis=1) == labels)


def macro_f1(predicted: Array, labels: Array) -> float:
    """Mean of F1 = 2TP / (2TP + FP + FN) over the classes that are predicted or present."""
    classes = int(max(predicted.max(), labels.max())) + 1
    hits = np.bincount(labels[predicted == labels], minlength=classes)
    both = np.bincount(predicted, minlength=classes) + np.bincount(labels, minlength=classes)
    seen = both > 0
    return float(np.mean(2 * hits[seen] / both[seen]))


def pearson(first: Array, second: Array) -> float:
    """Linear correlation of two vectors [n], in [-1, 1]; 0.0 if either is constant (to 13 digits)."""
    centred = []
    for values in (np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)):
        mean = values.mean()
        difference = values - mean
        norm = float(np.linalg.norm(difference))
        if norm <= 1e-13 * abs(mean) * np.sqrt(len(values)):
            return 0.0
        centred.append(difference / norm)
    return float(np.clip(centred[0] @ centred[1], -1.0, 1.0))


def spearman(first: Array, second: Array) -> float:
    """Correlation of the ranks of two vectors [n]; ties share their mean rank."""
    return pearson(_ranks(first), _ranks(second))


def unexplained(outputs: NDArray[np.float32], exact: NDArray[np.float32]) -> float:
    """Mean squared difference of outputs [n, C] over the variance of the exact ones, all columns taken together."""
    variance = float(np.square(exact - exact.mean(axis=0)).sum())
    difference = float(np.square(outputs - exact).sum())
    return difference / variance if variance > 0 else float(difference > 0)


def _ranks(values: Array) -> NDArray[np.float64]:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    mean_rank = ends - (counts - 1) / 2
    return np.asarray(mean_rank[inverse], dtype=np.float64)
