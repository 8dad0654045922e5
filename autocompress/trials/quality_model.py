"""Predict the quality of configurations of one student type by a Gaussian process over their features."""

from __future__ import annotations

import warnings
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, Kernel, WhiteKernel

SMALLEST_LOSS = 0.01
"""One point of quality."""
FEWEST, FITTED = 3, 8
MOST = 128
Array = NDArray[np.float64]


def log_loss(quality: Array, top: float) -> Array:
    """Return the logarithm of the loss of qualities [n] against ``top``; ``SMALLEST_LOSS`` is added to it.

    So small losses, which differ by chance, hardly differ in the logarithm.
    """
    return np.log(np.maximum(top - quality, 0.0) + SMALLEST_LOSS)


def from_log_loss(loss: Array, top: float) -> Array:
    """Return the quality [n] of a log loss [n], the inverse of ``log_loss``."""
    return top + SMALLEST_LOSS - np.exp(loss)


class QualityModel:
    """Predicts ``log_loss`` from ``features`` [n, k] and ``quality`` [n], given in the order of measurement.

    The kernel's hyperparameters are fitted to the first 8, 16, 32, ... and at most ``MOST`` points, so that they are
    fitted rarely and depend on the order of the trials alone; with fewer points they are fixed. With fewer than
    ``FEWEST`` points every prediction is a loss of 3 points to ``top``, with a standard deviation of 1.
    """

    def __init__(self, features: Array, quality: Array, top: float) -> None:
        self._process: GaussianProcessRegressor | None = None
        if len(quality) < FEWEST:
            return
        loss = log_loss(quality, top)
        first = min(1 << (len(quality).bit_length() - 1), MOST)
        enough = first >= FITTED
        kernel = _fitted(features[:first].tobytes(), loss[:first].tobytes(), features.shape[1]) if enough else _kernel()
        self._process = GaussianProcessRegressor(kernel, optimizer=None, normalize_y=True).fit(features, loss)

    def predict(self, features: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation, both [n], of the log loss for ``features`` [n, k]."""
        if self._process is None:
            return np.full(len(features), np.log(0.03)), np.ones(len(features))
        mean, deviation = self._process.predict(features, return_std=True)
        return mean, deviation


def _kernel() -> Kernel:
    return (
        ConstantKernel(1.0, (0.05, 20.0)) * RBF(1.0, (0.3, 8.0))
        + ConstantKernel(0.1, (1e-3, 5.0)) * DotProduct(0.0, "fixed")
        + WhiteKernel(0.1, (1e-3, 1.0))
    )


@lru_cache(maxsize=16)
def _fitted(features: bytes, loss: bytes, columns: int) -> Kernel:
    inputs = np.frombuffer(features).reshape(-1, columns)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        process = GaussianProcessRegressor(_kernel(), normalize_y=True).fit(inputs, np.frombuffer(loss))
    return process.kernel_
