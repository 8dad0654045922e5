"""Maps distances between tokens to the buckets of a relative position bias (T5, Raffel et al. 2020, section 2.1)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Distance, in tokens, from which on all share the last bucket of their side.
MAX_DISTANCE = 128


def distance_buckets(length: int, num_buckets: int) -> NDArray[np.int64]:
    """Return the bucket of each distance key - query from ``1 - length`` to ``length - 1``, int64 [2 * length - 1].

    Half of the buckets are for keys after the query. Of each half the first half are for one distance each, and the
    others for ranges that grow by a factor up to ``MAX_DISTANCE``. ``num_buckets`` must be a multiple of 4.

    >>> distance_buckets(10, 8).tolist()
    [2, 2, 2, 2, 2, 2, 2, 2, 1, 0, 5, 6, 6, 6, 6, 6, 6, 6, 6]
    """
    distances = np.arange(1 - length, length)
    half, exact = num_buckets // 2, num_buckets // 4
    # Powers of a rounded root would miss whole numbers by the last digit.
    ranges = np.round(exact * (MAX_DISTANCE / exact) ** (np.arange(exact) / exact), 9)
    ends = np.concatenate([np.arange(1, exact), ranges])
    buckets: NDArray[np.int64] = np.searchsorted(ends, np.abs(distances), side="right") + half * (distances > 0)
    return buckets


def pair_buckets(length: int, num_buckets: int) -> NDArray[np.int64]:
    """Return the bucket of each query [T] and key [T] of a text of T = ``length`` tokens, int64 [T, T]."""
    places = np.arange(length)
    buckets: NDArray[np.int64] = distance_buckets(max(length, 1), num_buckets)[places - places[:, None] + length - 1]
    return buckets
