"""Which tokens a smaller vocabulary keeps (survey 3.6, after Zhao et al. 2019: the frequent ones of the task)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def vocabulary_order(
    tokens: NDArray[np.integer], vocab_size: int, special_ids: Iterable[int], extra_ids: Iterable[int] = ()
) -> NDArray[np.int32]:
    """All token ids, the first to keep first, int32 [vocab_size].

    ``special_ids`` and ``extra_ids`` (such as the unknown token's) come first in ascending order, then the others by
    how often they stand in ``tokens`` (any shape), the most frequent first; ties go to the smaller id. The first v of
    the result are the vocabulary of size v. ValueError for an id outside ``vocab_size``.
    """
    always = np.unique(np.array([*special_ids, *extra_ids], dtype=np.int64))
    flat = np.asarray(tokens).ravel()
    for ids in (always, flat):
        if len(ids) and not 0 <= ids.min() <= ids.max() < vocab_size:
            raise ValueError(f"0 <= token id < {vocab_size} must hold, but got ids {ids.min()} to {ids.max()}")
    counts = np.bincount(flat, minlength=vocab_size)
    first = np.zeros(vocab_size, dtype=bool)
    first[always] = True
    return np.lexsort((np.arange(vocab_size), -counts * ~first, ~first)).astype(np.int32)
