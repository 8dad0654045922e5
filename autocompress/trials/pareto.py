"""Find Pareto fronts, hypervolumes and knees of plain arrays.

Rows are points [n, m]; ``directions`` [m] are ``maximize`` or ``minimize``, one per column.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autocompress.system.errors import InputError
from objectives.objective import DIRECTIONS


def non_dominated(values: ArrayLike, directions: Sequence[str]) -> NDArray[np.bool_]:
    """Return a mask [n] of the rows that no other row dominates.

    A row dominates another if it is at least as good in every column and better in one. Of equal rows either all or
    none are in the front. A row with NaN is never in the front and dominates nothing. Each member of the front removes
    what it dominates (Kung 1975, by culling), so that the cost is n times the size of the front. Raises InputError for
    an unknown direction.

    >>> non_dominated([[0.90, 4.0], [0.88, 1.0], [0.87, 2.0]], ("maximize", "minimize")).tolist()
    [True, True, False]
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
    """Return the volume that the rows dominate within ``reference`` [m] (Zitzler & Thiele 1998), by slicing dimensions.

    Rows that are not strictly better than the reference in every column, and rows with NaN, add nothing. Raises
    InputError for an unknown direction.

    >>> hypervolume([[3.0, 4.0], [2.0, 1.0]], ("maximize", "minimize"), reference=(1.0, 5.0))
    5.0
    """
    costs = _costs(values, directions)
    bound = _costs([list(reference)], directions)[0]
    inside = (costs < bound).all(axis=1)
    return _volume(costs[inside], bound)


def knee(values: ArrayLike, directions: Sequence[str]) -> int:
    """Return the row index of the knee of a front, the point farthest from the plane through the extremes (Das 1999).

    The columns are scaled to 0 (best) .. 1 (worst), and the knee is the row with the least sum; of equal ones it is the
    first. A column without spread counts nothing. Raises InputError if no row is without NaN.

    >>> knee([[0.90, 4.0], [0.88, 1.0], [0.80, 0.5]], ("maximize", "minimize"))
    1
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
    """Return the values [n, m] as costs, of which less is better in every column."""
    unknown = [direction for direction in directions if direction not in DIRECTIONS]
    if unknown:
        raise InputError(f"a direction is one of {', '.join(DIRECTIONS)}, but got {unknown[0]!r}")
    array = np.asarray(values, dtype=np.float64).reshape(-1, len(directions))
    signs = np.array([-1.0 if direction == "maximize" else 1.0 for direction in directions])
    return np.asarray(array * signs, dtype=np.float64)


def _volume(costs: NDArray[np.float64], bound: NDArray[np.float64]) -> float:
    """Return the volume between costs [n, m] and ``bound`` [m], slab by slab along the last column."""
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
