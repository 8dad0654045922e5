"""Splits off held-out rows at random, in proportion to the classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LARGEST = 2000
SMALLEST = 200


def held_out_count(rows: int) -> int:
    """How many of ``rows`` to hold out: a tenth, but at most 2,000 and at least 200 or a fifth, whichever is less."""
    return min(LARGEST, max(rows // 10, min(SMALLEST, rows // 5)))


def split_off(
    strata: NDArray[np.int64], count: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw ``count`` rows in proportion from every stratum; returns the row numbers (kept, taken), both ascending.

    ``strata`` [n] holds each row's class (zeros where there is none). Shares are rounded by the largest remainder, and
    every stratum keeps at least one row. ValueError if ``count`` is more than that leaves.
    """
    values, counts = np.unique(strata, return_counts=True)
    if not 0 <= count <= len(strata) - len(values):
        raise ValueError(f"0 <= count <= {len(strata) - len(values)} must hold, but got {count}")
    ceiling = counts - 1
    shares = counts * (count / len(strata))
    quota = np.minimum(np.floor(shares).astype(np.int64), ceiling)
    by_remainder = np.argsort(-(shares - quota), kind="stable")
    while quota.sum() < count:
        for index in by_remainder:
            if quota[index] < ceiling[index] and quota.sum() < count:
                quota[index] += 1
    taken = [
        rng.permutation(np.flatnonzero(strata == value))[:number] for value, number in zip(values, quota, strict=True)
    ]
    mask = np.zeros(len(strata), dtype=bool)
    mask[np.concatenate(taken)] = True
    return np.flatnonzero(~mask), np.flatnonzero(mask)
