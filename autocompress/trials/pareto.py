"""Pareto arithmetic on plain arrays. Rows are points [n, m], ``directions`` are 'maximize' or 'minimize' per column."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autocompress.system.errors import InputError
from objectives.objective import DIRECTIONS


def non_dominated(values: ArrayLike, directions: Sequence[str]) -> NDArray[np.bool_]:
    """Mask [n] of the rows that no other row dominates (at least as good everywhere, better somewhere).

    Equal rows stand or fall together. A row with NaN is never in the front and dominates nothing. Each member of the
    front found removes what it dominates (Kung 1975, by culling), so n rows cost n times the front's size.
    """
    costs = _costs(values, directions)
    rows = np.flatnonzero(~np.isnan(costs).any(axis=1))
    rows = rows[np.lexsort(costs[rows].T[::-1])]
    costs, member = costs[rows], 0
    while member < len(rows):
        kept = (costs < costs[member]).any(axis=1) | (costs == costs[member]).all(axis=1)
        rows, costs, member = rows[kept], costs[kept], member + 1
    mask = np.zeros(len(np.asarray(values)), np.bool_)
    mask[rows] = True
    return mask


def hypervolume(values: ArrayLike, directions: Sequence[str], reference: Sequence[float]) -> float:
    """Volume dominated by the rows and bounded by ``reference`` [m] (Zitzler & Thiele 1998), by slicing dimensions.

    Rows that are not strictly better than the reference in every column, and rows with NaN, add nothing.
    """
    costs = _costs(values, directions)
    bound = _costs([list(reference)], directions)[0]
    inside = (costs < bound).all(axis=1)
    return _volume(costs[inside], bound)


def knee(values: ArrayLike, directions: Sequence[str]) -> int:
    """Row index of the knee of a front: where the columns, scaled to 0 (best) .. 1 (worst), have the least sum.

    That is the point farthest from the plane through the extremes (Das 1999). Ties go to the first row; a column
    without spread counts nothing. InputError if there is no row without NaN.
    """
    costs = _costs(values, directions)
    valid = ~np.isnan(costs).any(axis=1)
    if not valid.any():
        raise InputError("a knee needs at least one measured point, but got none")
    low, high = costs[valid].min(axis=0), costs[valid].max(axis=0)
    span = np.where(high > low, high - low, 1.0)
    sums = np.where(valid, ((costs - low) / span).sum(axis=1), np.inf)
    return int(np.argmin(sums))


def _costs(values: ArrayLike, directions: Sequence[str]) -> NDArray[np.float64]:
    """The values as costs: every column to be minimised."""
    unknown = [direction for direction in directions if direction not in DIRECTIONS]
    if unknown:
        raise InputError(f"a direction is one of {', '.join(DIRECTIONS)}, but got {unknown[0]!r}")
    array = np.asarray(values, dtype=np.float64).reshape(-1, len(directions))
    signs = np.array([-1.0 if direction == "maximize" else 1.0 for direction in directions])
    return np.asarray(array * signs, dtype=np.float64)


def _volume(costs: NDArray[np.float64], bound: NDArray[np.float64]) -> float:
    if len(costs) == 0:
        return 0.0
    if costs.shape[1] == 1:
        return float(bound[0] - costs.min())
    costs = costs[np.argsort(costs[:, -1], kind="stable")]
    depths = np.diff(np.append(costs[:, -1], bound[-1]))
    slabs = (
        depth * _volume(costs[: row + 1, :-1], bound[:-1]) for row, depth in enumerate(depths.tolist()) if depth > 0
    )
    return float(sum(slabs))
