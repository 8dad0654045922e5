"""Reduces the vocabulary to the tokens that are frequent in the task's texts (Zhao et al. 2019; survey 3.6).

A token that is left out is read as a similar one that is kept, not as the unknown token.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST_SIMILARITY = 0.2
"""A token that is less similar than this to every more frequent one is read as the unknown token."""
MOST_COMPARED = 40_000
"""Only so many tokens, the most frequent ones, are compared; the others are read as the unknown token."""
BLOCK = 1024


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Says which tokens a vocabulary of each size keeps, and which kept token stands for each other one.

    ``order`` int32 [V] holds all token ids, the most useful first. ``similar`` int32 [V] gives for each id a more
    useful one that may stand for it (see ``similar_tokens``); without it ``unknown_id`` stands for all others.
    """

    order: NDArray[np.int32]
    unknown_id: int
    similar: NDArray[np.int32] | None = None

    def __len__(self) -> int:
        return len(self.order)

    def read_as(self, size: int) -> NDArray[np.int64]:
        """Return for each token id the id that a vocabulary of ``size`` tokens reads in its place, int64 [V].

        >>> Vocabulary(np.array([0, 3, 1, 2], np.int32), unknown_id=0, similar=np.array([0, 3, 1, 0])).read_as(2)
        array([0, 3, 3, 3])
        """
        stands = np.full(len(self.order), self.unknown_id, np.int64)
        if self.similar is not None:
            stands[:] = self.similar
        ends = np.append(self.order[:size], self.unknown_id)
        stands[ends] = ends
        while not np.array_equal(farther := stands[stands], stands):
            stands = farther
        return stands


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


def similar_tokens(
    vectors: NDArray[np.float32], order: NDArray[np.int32], special_ids: Collection[int], unknown_id: int
) -> NDArray[np.int32]:
    """Return for each token id the most similar one that comes before it in ``order`` [V], int32 [V].

    Similarity is the cosine of the word ``vectors`` [V, E], centred. Special tokens, which come first in ``order``, are
    compared with nothing. A token without one of at least ``LEAST_SIMILARITY`` gets ``unknown_id``.

    Tokens 1 and 2 point one way, token 3 the other; 0 is unknown and special:

    >>> vectors = np.array([[0.0, 0.0], [1.0, 0.1], [0.9, 0.1], [-2.0, 0.0]], np.float32)
    >>> similar_tokens(vectors, np.array([0, 1, 2, 3], np.int32), special_ids=[0], unknown_id=0).tolist()
    [0, 0, 1, 0]
    """
    compared = order[len(set(special_ids)) : MOST_COMPARED]
    centred = vectors[compared] - vectors.mean(0)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    directions = (centred / np.where(norms == 0, 1, norms)).astype(np.float32)
    similar = np.full(len(order), unknown_id, np.int32)
    for start in range(0, len(compared), BLOCK):
        block = directions[start : start + BLOCK]
        cosines = block @ directions[: start + len(block)].T
        cosines[np.triu_indices(len(block), start, start + len(block))] = -1
        best = cosines.argmax(1)
        found = cosines[np.arange(len(block)), best] >= LEAST_SIMILARITY
        similar[compared[start : start + BLOCK][found]] = compared[best[found]]
    return similar
