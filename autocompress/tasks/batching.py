"""Padded batches out of ragged rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CHUNK_BATCHES = 50


@dataclass(frozen=True, eq=False)
class Batch:
    """What a model reads: ids, mask (1 where there is a token) and type ids, int64 [B, T]; labels [B]."""

    input_ids: NDArray[np.int64]
    attention_mask: NDArray[np.int64]
    token_type_ids: NDArray[np.int64]
    labels: NDArray[np.int64] | NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.input_ids)


def pad(flat: NDArray[np.generic], mask: NDArray[np.bool_], fill: int) -> NDArray[np.int64]:
    """Spread ``flat`` [mask.sum()] row by row over the true places of ``mask`` [B, T], ``fill`` elsewhere; int64."""
    padded = np.full(mask.shape, fill, dtype=np.int64)
    padded[mask] = flat
    return padded


def ragged_positions(offsets: NDArray[np.int64], indices: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions in the flat array of all elements of rows ``indices``, row by row, int64; ``offsets`` is [n + 1]."""
    lengths = offsets[indices + 1] - offsets[indices]
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(offsets[indices] - (ends - lengths), lengths) + np.arange(total, dtype=np.int64)


def length_bucketed_batches(
    lengths: NDArray[np.int64], batch_size: int, rng: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Every row number once, in batches of rows of similar ``lengths`` [n], to keep padding small while training.

    Rows are shuffled, sorted by length within chunks of 50 batches, cut, and the batches shuffled; the last of each
    may be smaller than ``batch_size``.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, but got {batch_size}")
    shuffled = rng.permutation(len(lengths))
    batches: list[NDArray[np.int64]] = []
    for start in range(0, len(shuffled), CHUNK_BATCHES * batch_size):
        chunk = shuffled[start : start + CHUNK_BATCHES * batch_size]
        ordered = chunk[np.argsort(lengths[chunk], kind="stable")]
        batches += [ordered[cut : cut + batch_size] for cut in range(0, len(ordered), batch_size)]
    return [batches[index] for index in rng.permutation(len(batches))]
