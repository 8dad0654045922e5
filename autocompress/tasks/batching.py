"""Padded batches out of ragged rows; numpy only, since the process that measures imports this too.

A split stores its rows end to end, without padding: row i is ``tokens[offsets[i]:offsets[i + 1]]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

CHUNK_BATCHES = 50
INPUTS = ("input_ids", "attention_mask", "token_type_ids")


class Split(Protocol):
    """Encoded rows as flat arrays."""

    @property
    def tokens(self) -> NDArray[np.int32]:
        """Token ids [total]."""

    @property
    def type_ids(self) -> NDArray[np.int8]:
        """Token type ids [total]."""

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Starts of the rows and the end [n + 1]."""


@dataclass(frozen=True, eq=False)
class Batch:
    """What a model reads: ids, mask (1 where there is a token) and type ids, int64 [B, T]; labels [B]."""

    input_ids: NDArray[np.int64]
    attention_mask: NDArray[np.int64]
    token_type_ids: NDArray[np.int64]
    labels: NDArray[np.int64] | NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.input_ids)


def pad_rows(split: Split, indices: Sequence[int] | NDArray[np.int64], pad_id: int) -> dict[str, NDArray[np.int64]]:
    """The rows ``indices`` [B], padded on the right to the longest of them, and to one token at least.

    The arrays, int64 [B, T], have the names ``INPUTS``, as a model's inputs have.
    """
    rows = np.asarray(indices, dtype=np.int64)
    lengths = split.offsets[rows + 1] - split.offsets[rows]
    mask = np.arange(lengths.max(initial=1)) < lengths[:, None]
    flat = ragged_positions(split.offsets, rows)
    input_ids, type_ids = np.full(mask.shape, pad_id, dtype=np.int64), np.zeros(mask.shape, dtype=np.int64)
    input_ids[mask], type_ids[mask] = split.tokens[flat], split.type_ids[flat]
    return dict(zip(INPUTS, (input_ids, mask.astype(np.int64), type_ids), strict=True))


def ragged_positions(offsets: NDArray[np.int64], indices: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions in the flat arrays of all tokens of rows ``indices``, row by row, int64; ``offsets`` is [n + 1]."""
    lengths = offsets[indices + 1] - offsets[indices]
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(offsets[indices] - (ends - lengths), lengths) + np.arange(total, dtype=np.int64)


def length_bucketed_batches(
    lengths: NDArray[np.int64], batch_size: int, rng: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Row numbers in batches of similar ``lengths`` [n], each number once, which keeps padding small while training.

    Rows are shuffled, sorted by length within chunks of 50 batches, cut, and the batches shuffled; the last of each
    may be smaller than ``batch_size``. ValueError if that is below 1.
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
