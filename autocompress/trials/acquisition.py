"""How much of the objective space a candidate would add to a front, by counting random points (Monte Carlo)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
POINTS = 2048


def box_points(low: Array, high: Array, seed: int, count: int = POINTS) -> Array:
    """Points [count, m] uniform in the box between ``low`` and ``high`` [m]."""
    return low + (high - low) * np.random.default_rng(seed).random((count, len(low)))


def covered(costs: Array, points: Array) -> NDArray[np.bool_]:
    """Mask [n, count]: which points [count, m] each row of costs [n, m] is at most as dear as in every column."""
    return np.asarray((costs[:, None, :] <= points[None, :, :]).all(axis=2), np.bool_)


def improvements(candidates: Array, front: Array, points: Array) -> Array:
    """Share of the points [n] that each candidate [n, m] covers and no row of the front [k, m] does."""
    count = len(points)
    if len(front):
        points = points[~covered(front, points).any(axis=0)]
    return np.asarray(covered(candidates, points).sum(axis=1) / count, np.float64)


def greedy(candidates: Array, front: Array, points: Array, count: int) -> list[int]:
    """At most ``count`` rows of ``candidates``, each the one that adds most to the front and those before it."""
    chosen: list[int] = []
    while len(chosen) < count:
        gains = improvements(candidates, np.concatenate([front, candidates[chosen]]), points)
        if not gains.any():
            break
        chosen.append(int(np.argmax(gains)))
    return chosen
