"""Estimates the accuracy on fresh texts with less noise than labels have, and without flattering the best of many.

A student's accuracy less its teacher's rests on the texts where they answer differently, which are few. On those the
teacher's calibrated probabilities (temperature scaling, Guo et al. 2017) say how likely each answer is right, for every
text and without the noise of its one label; but the teacher is partial. So both differences are combined by their
variances, where that of the teacher's opinion includes a bias of ``BIAS_SHARE`` of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from autocompress.tasks.metrics import per_example_correct

BIAS_SHARE = 0.25
TEMPERATURES = (0.5, 5.0)
Outputs = NDArray[np.float32]


def expected_accuracy(outputs: Outputs, teacher: Outputs, labels: NDArray[Any]) -> float:
    """The expected accuracy of ``outputs`` [n, C], a fraction, from the teacher's outputs and labels of the same texts.

    The teacher's own accuracy counts as it was measured.
    """
    right = per_example_correct(teacher, labels).astype(float)
    measured = per_example_correct(outputs, labels) - right
    rows = np.arange(len(labels))
    chances = softmax(teacher.astype(np.float64) / temperature(teacher, labels), axis=1)
    opinion = chances[rows, outputs.argmax(axis=1)] - chances[rows, teacher.argmax(axis=1)]
    return float(right.mean() + combined(measured, opinion))


def combined(measured: NDArray[np.float64], opinion: NDArray[np.float64]) -> float:
    """The mean of two kinds of differences [n], each weighted by the inverse of its variance; 0 where all are 0."""
    variances = [measured.var() / len(measured), opinion.var() / len(opinion) + (BIAS_SHARE * opinion.mean()) ** 2]
    weights = [1.0 / max(variance, 1e-12) for variance in variances]
    return float(np.average([measured.mean(), opinion.mean()], weights=weights))


def temperature(outputs: Outputs, labels: NDArray[Any]) -> float:
    """The divisor of logits [n, C] with which their probabilities fit the labels best (temperature scaling)."""
    rows, exact = np.arange(len(labels)), outputs.astype(np.float64)

    def surprise(divisor: float) -> float:
        return -float(log_softmax(exact / divisor, axis=1)[rows, labels].mean())

    return float(minimize_scalar(surprise, bounds=TEMPERATURES, method="bounded").x)
