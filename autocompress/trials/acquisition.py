"""Estimate the hypervolume that candidates add to a front, by counting random points (Monte Carlo).

All columns are costs: less is better.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
POINTS = 2048
"""Points counted by default."""


def box_points(low: Array, high: Array, seed: int, count: int = POINTS) -> Array:
    """Draw points [count, m] uniformly in the box between ``low`` and ``high`` [m]."""
    return low + (high - low) * np.random.default_rng(seed).random((count, len(low)))


def covered(costs: Array, points: Array) -> NDArray[np.bool_]:
    """Return a mask [n, count]: whether a row of costs [n, m] is at most a point [count, m] in every column."""
    return np.asarray((costs[:, None, :] <= points[None, :, :]).all(axis=2), np.bool_)


def improvements(candidates: Array, front: Array, points: Array) -> Array:
    """Return the share [n] of points [count, m] that each candidate [n, m] covers and no row of front [k, m] does."""
    count = len(points)
    if len(front):
        points = points[~covered(front, points).any(axis=0)]
    return np.asarray(covered(candidates, points).sum(axis=1) / count, np.float64)


def greedy(candidates: Array, front: Array, points: Array, count: int) -> list[int]:
    """Choose at most ``count`` rows of ``candidates`` [n, m], each adding most to the front and to those before it.

    It ends early when no row adds anything.
    """
    chosen: list[int] = []
    while len(chosen) < count:
        gains = improvements(candidates, np.concatenate([front, candidates[chosen]]), points)
        if not gains.any():
            break
        chosen.append(int(np.argmax(gains)))
    return chosen
