"""Makes augmented texts out of training texts, for the teacher to label and students to learn from.

A student without attention learns a teacher's function from many texts rather than from many passes over a few (Tang
et al. 2019, section 3.2). Words are replaced by similar ones as in TinyBERT (Jiao et al. 2020, section 3.3), with the
teacher's own word embeddings in the place of a language model.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

NEIGHBOURS = 12
_CHUNK = 1024

Tokens = NDArray[np.int32]


@dataclass(frozen=True)
class AugmentationSettings:
    """Sets which share of the texts is spliced from parts of two, and which share of all words is replaced."""

    splice_share: float = 1.0
    replace_share: float = 0.15


def nearest_tokens(vectors: NDArray[np.float32], used: NDArray[np.integer], count: int = NEIGHBOURS) -> Tokens:
    """Return for each token the ``count`` tokens of ``used`` [U] that are most similar to it, int32 [V, count].

    Similar means the cosine of the word embeddings ``vectors`` [V, E], centred on the mean over ``used``. A token
    outside ``used`` is its own only neighbour; where ``used`` has too few tokens, the token itself fills the row.
    """
    table = np.repeat(np.arange(len(vectors), dtype=np.int32)[:, None], count, axis=1)
    used = np.unique(used)
    found = min(count, len(used) - 1)
    if found < 1:
        return table
    chosen = torch.from_numpy(np.ascontiguousarray(vectors[used], np.float32))
    chosen = torch.nn.functional.normalize(chosen - chosen.mean(0), dim=1)
    table[used, :found] = used[nearest_rows(chosen, found)]
    return table


def nearest_rows(unit: torch.Tensor, count: int) -> NDArray[np.int64]:
    """Return for each row of ``unit`` [n, E] the ``count`` < n other rows with the largest dot products, [n, count]."""
    found = []
    for begin in range(0, len(unit), _CHUNK):
        products = unit[begin : begin + _CHUNK] @ unit.T
        itself = torch.arange(len(products))
        products[itself, begin + itself] = -torch.inf
        found.append(products.topk(count, dim=1).indices.numpy())
    return np.concatenate(found)


@dataclass(frozen=True, eq=False)
class Augmenter:
    """Makes one encoded row out of two: splices their texts, then replaces words by similar ones.

    ``neighbours`` [V, N] holds the similar tokens of each (see ``nearest_tokens``), ``separators`` the special tokens
    that enclose texts. No augmented row is longer than ``max_length`` tokens, or than its first source if that is
    longer.
    """

    neighbours: Tokens
    separators: frozenset[int]
    max_length: int
    settings: AugmentationSettings = AugmentationSettings()

    @classmethod
    def for_texts(
        cls,
        tokens: Tokens,
        vectors: NDArray[np.float32],
        separators: Collection[int],
        max_length: int,
        settings: AugmentationSettings,
    ) -> Augmenter:
        """Return an augmenter whose replacements are words of ``tokens`` (any shape).

        ``vectors`` [V, E] are the teacher's word embeddings.
        """
        used = np.setdiff1d(tokens, list(separators))
        return cls(nearest_tokens(vectors, used), frozenset(separators), max_length, settings)

    def augment(self, row: Tokens, other: Tokens, rng: np.random.Generator) -> tuple[Tokens, NDArray[np.int64]]:
        """Return an augmented row [T'], and for each token the position in ``row`` [T] from which it has its type.

        The n-th text of ``row`` is spliced with the n-th of ``other``. The separators of ``row`` stay.
        """
        places = segments(row, self.separators)
        texts = fitted_texts(row, places, self._spliced(row, other, rng), self.max_length)
        share = self.settings.replace_share
        return with_texts(row, places, [with_words_replaced(text, self.neighbours, share, rng) for text in texts])

    def _spliced(self, row: Tokens, other: Tokens, rng: np.random.Generator) -> list[Tokens]:
        """The texts of ``row``, ``splice_share`` of them spliced with their counterparts in ``other``."""
        theirs = segments(other, self.separators)
        texts = []
        for index, place in enumerate(segments(row, self.separators)):
            text = row[place]
            if index < len(theirs) and rng.random() < self.settings.splice_share:
                text = splice(text, other[theirs[index]], rng)
            texts.append(text)
        return texts


def segments(tokens: Tokens, separators: Collection[int]) -> list[slice]:
    """Return where the texts of an encoded row [T] are: the runs between separators such as ``[CLS]`` and ``[SEP]``."""
    inside = np.concatenate([[False], ~np.isin(tokens, list(separators)), [False]])
    edges = np.flatnonzero(np.diff(inside.astype(np.int8)))
    return [slice(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]


def fitted(lengths: Sequence[int], room: int) -> list[int]:
    """Return the lengths of texts cut to ``room`` tokens in all, the longest first, as a tokenizer truncates a pair."""
    cut = list(lengths)
    while sum(cut) > room:
        longest = cut.index(max(cut))
        others = max((length for place, length in enumerate(cut) if place != longest), default=0)
        cut[longest] -= min(sum(cut) - room, max(cut[longest] - others, 1))
    return cut


def fitted_texts(row: Tokens, places: Sequence[slice], texts: Sequence[Tokens], max_length: int) -> list[Tokens]:
    """Return the texts cut (see ``fitted``) so that the row that has them at ``places`` is not too long.

    It has at most ``max_length`` tokens, or as many as ``row`` [T] if that is longer.
    """
    separators = len(row) - sum(place.stop - place.start for place in places)
    room = max(max_length, len(row)) - separators
    return [text[:length] for text, length in zip(texts, fitted([len(text) for text in texts], room), strict=True)]


def with_texts(row: Tokens, places: Sequence[slice], texts: Sequence[Tokens]) -> tuple[Tokens, NDArray[np.int64]]:
    """Return the row [T'] with the ``texts`` in the place of its own, which are at ``places``.

    The other result tells for each token the position in ``row`` [T] from which it has its token type.
    """
    tokens, sources, end = [], [], 0
    for place, text in zip(places, texts, strict=True):
        tokens += [row[end : place.start], text]
        sources += [np.arange(end, place.start), np.full(len(text), min(place.start, len(row) - 1))]
        end = place.stop
    return np.concatenate([*tokens, row[end:]]), np.concatenate([*sources, np.arange(end, len(row))])


def with_words_replaced(text: Tokens, neighbours: Tokens, share: float, rng: np.random.Generator) -> Tokens:
    """Return the text with a random ``share`` of its words replaced by random ``neighbours`` [V, N] of theirs."""
    chosen = np.flatnonzero(rng.random(len(text)) < share)
    replaced = text.copy()
    replaced[chosen] = neighbours[text[chosen], rng.integers(neighbours.shape[1], size=len(chosen))]
    return replaced


def splice(text: Tokens, other: Tokens, rng: np.random.Generator) -> Tokens:
    """Return a random part of ``text``, then one of ``other``, as long as the longer of the two at most."""
    return np.concatenate([_random_part(text, rng), _random_part(other, rng)])[: max(len(text), len(other))]


def _random_part(text: Tokens, rng: np.random.Generator) -> Tokens:
    length = rng.integers(1, len(text) + 1)
    begin = rng.integers(0, len(text) - length + 1)
    return text[begin : begin + length]
