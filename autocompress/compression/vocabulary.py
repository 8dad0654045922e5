"""Reduces the vocabulary to the tokens that are frequent in the task's texts (Zhao et al. 2019; survey 3.6)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def vocabulary_order(tokens: NDArray[np.integer], vocab_size: int, special_ids: Iterable[int]) -> NDArray[np.int32]:
    """Sort all token ids by how useful they are, int32 [vocab_size]; the first v are the vocabulary of size v.

    ``special_ids`` come first in ascending order, then the other ids by their number of occurrences in ``tokens`` (any
    shape), the most frequent first; among equals the smaller id is first. ValueError for an id outside the vocabulary.

    Token 3 occurs twice, token 1 once, and 0 is special:

    >>> vocabulary_order(np.array([3, 1, 3]), vocab_size=5, special_ids=[0]).tolist()
    [0, 3, 1, 2, 4]
    """
    always = np.unique(np.array([*special_ids], dtype=np.int64))
    flat = np.asarray(tokens).ravel()
    for ids in (always, flat):
        if len(ids) and not 0 <= ids.min() <= ids.max() < vocab_size:
            raise ValueError(f"0 <= token id < {vocab_size} must hold, but got ids {ids.min()} to {ids.max()}")
    counts = np.bincount(flat, minlength=vocab_size)
    first = np.zeros(vocab_size, dtype=bool)
    first[always] = True
    return np.lexsort((np.arange(vocab_size), -counts * ~first, ~first)).astype(np.int32)
