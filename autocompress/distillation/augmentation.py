"""Texts made up from the training texts, for the teacher to label and students to learn from.

A student without attention learns a teacher's function from many texts rather than from many passes over a few (Tang
et al. 2019, section 3.2); words are replaced by near ones as in TinyBERT (Jiao et al. 2020, section 3.3), with the
teacher's own word vectors in the place of a language model.
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
    """``splice_share`` of the texts are spliced from parts of two; ``replace_share`` of all words are replaced."""

    splice_share: float = 1.0
    replace_share: float = 0.15


def nearest_tokens(vectors: NDArray[np.float32], used: NDArray[np.integer], count: int = NEIGHBOURS) -> Tokens:
    """The ``count`` tokens of ``used`` [U] most like each, by the cosine of ``vectors`` [V, E]; int32 [V, count].

    Tokens outside ``used`` are their own neighbours, and so is the remainder where ``used`` has too few.
    """
    table = np.repeat(np.arange(len(vectors), dtype=np.int32)[:, None], count, axis=1)
    used = np.unique(used)
    found = min(count, len(used) - 1)
    if found < 1:
        return table
    chosen = torch.from_numpy(np.ascontiguousarray(vectors[used], np.float32))
    chosen = torch.nn.functional.normalize(chosen - chosen.mean(0), dim=1)
    for begin in range(0, len(used), _CHUNK):
        rows = used[begin : begin + _CHUNK]
        likeness = chosen[begin : begin + _CHUNK] @ chosen.T
        likeness[torch.arange(len(rows)), torch.arange(begin, begin + len(rows))] = -torch.inf
        table[rows, :found] = used[likeness.topk(found, dim=1).indices.numpy()]
    return table


def segments(tokens: Tokens, separators: Collection[int]) -> list[slice]:
    """Where the texts of an encoded row [T] are: the runs between separators such as ``[CLS]`` and ``[SEP]``."""
    inside = np.concatenate([[False], ~np.isin(tokens, list(separators)), [False]])
    edges = np.flatnonzero(np.diff(inside.astype(np.int8)))
    return [slice(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]


def augmented(
    row: Tokens,
    other: Tokens,
    neighbours: Tokens,
    separators: Collection[int],
    settings: AugmentationSettings,
    rng: np.random.Generator,
    longest: int,
) -> tuple[Tokens, NDArray[np.int64]]:
    """A new row made of ``row`` [T] and ``other``, and for each of its tokens the place in ``row`` it stands for.

    Each text of the row may be spliced with the text at its place in the other row; then words are replaced by near
    ones. The separators stay, and the row has at most ``longest`` tokens, or as many as ``row`` if that is longer.
    """
    ours, theirs = segments(row, separators), segments(other, separators)
    texts = []
    for index, place in enumerate(ours):
        text = row[place]
        if index < len(theirs) and rng.random() < settings.splice_share:
            text = _spliced(text, other[theirs[index]], rng)
        texts.append(text)
    room = max(longest, len(row)) - (len(row) - sum(place.stop - place.start for place in ours))
    parts, places, end = [], [], 0
    for place, whole, length in zip(ours, texts, fitted([len(text) for text in texts], room), strict=True):
        parts.append(row[end : place.start])
        places.append(np.arange(end, place.start))
        text = whole[:length]
        parts.append(_replaced(text, neighbours, settings.replace_share, rng))
        places.append(np.full(len(text), place.start))
        end = place.stop
    parts.append(row[end:])
    places.append(np.arange(end, len(row)))
    return np.concatenate(parts), np.concatenate(places)


def fitted(lengths: Sequence[int], room: int) -> list[int]:
    """The lengths of texts cut to ``room`` tokens in all, the longest first, as a tokenizer cuts a pair."""
    cut = list(lengths)
    while sum(cut) > room:
        longest = cut.index(max(cut))
        others = max((length for place, length in enumerate(cut) if place != longest), default=0)
        cut[longest] -= min(sum(cut) - room, max(cut[longest] - others, 1))
    return cut


def _spliced(text: Tokens, other: Tokens, rng: np.random.Generator) -> Tokens:
    """A part of each, one after the other, as long as the longer of them at most."""
    return np.concatenate([_part(text, rng), _part(other, rng)])[: max(len(text), len(other))]


def _part(text: Tokens, rng: np.random.Generator) -> Tokens:
    length = rng.integers(1, len(text) + 1)
    begin = rng.integers(0, len(text) - length + 1)
    return text[begin : begin + length]


def _replaced(text: Tokens, neighbours: Tokens, share: float, rng: np.random.Generator) -> Tokens:
    chosen = np.flatnonzero(rng.random(len(text)) < share)
    replaced = text.copy()
    replaced[chosen] = neighbours[text[chosen], rng.integers(neighbours.shape[1], size=len(chosen))]
    return replaced
