"""Finds for each text of a split other texts that are near to it, as partners that only look right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from autocompress.distillation.augmentation import NEIGHBOURS, Tokens, nearest_rows

Pair = tuple[Tokens, Tokens]


@dataclass(frozen=True, eq=False)
class NearTexts:
    """Holds different ``texts``, the numbers ``near`` [n, N] of those nearest to each, and ``pairs`` of such texts."""

    texts: Sequence[Tokens]
    near: NDArray[np.int64]
    pairs: Sequence[Pair]

    @classmethod
    def of_pairs(cls, pairs: Sequence[Pair], vectors: NDArray[np.float32]) -> NearTexts:
        """Find the texts that are near to each other in ``pairs``, of which those with an empty text are left out.

        Near means the cosine of the means of the word embeddings ``vectors`` [V, E] over a text's tokens, centred on
        the mean over the texts. A text without any other is near to itself. The time grows with the pairs' square.
        """
        full = [pair for pair in pairs if min(map(len, pair))]
        texts = list({text.tobytes(): text for pair in full for text in pair}.values())
        if len(texts) < 2:
            return cls(texts, np.zeros((len(texts), 1), np.int64), full)
        means = text_means(texts, vectors)
        unit = F.normalize(means - means.mean(0), dim=1)
        return cls(texts, nearest_rows(unit, min(NEIGHBOURS, len(texts) - 1)), full)

    @cached_property
    def _numbers(self) -> dict[bytes, int]:
        return {text.tobytes(): number for number, text in enumerate(self.texts)}

    def knows(self, text: Tokens) -> bool:
        """Return whether the text [T] is one of those whose near ones are known."""
        return text.tobytes() in self._numbers

    def draw(self, text: Tokens, rng: np.random.Generator) -> Tokens:
        """Return a random one of the texts that are near to a known one [T]."""
        near = self.near[self._numbers[text.tobytes()]]
        return self.texts[int(near[rng.integers(len(near))])]


def text_means(texts: Sequence[Tokens], vectors: NDArray[np.float32]) -> torch.Tensor:
    """Return the mean word embedding [n, E] of each text that is not empty; ``vectors`` are [V, E]."""
    tokens = torch.from_numpy(np.concatenate(texts).astype(np.int64))
    starts = torch.from_numpy(np.cumsum([0, *map(len, texts)])[:-1])
    return F.embedding_bag(tokens, torch.from_numpy(np.ascontiguousarray(vectors, np.float32)), starts, mode="mean")
