"""Makes augmented pairs of texts, in which a student has something to compare.

Texts that are spliced each on its own no longer belong together, and a student learns from them that most pairs differ.
Here the second text of an augmented pair has to do with the first: words are replaced and dropped (Jiao et al. 2020,
section 3.3; Wei and Zou 2019, section 2), the texts are exchanged, one is a damaged copy of the other, or a text like
the partner stands in its place (a hard negative; Robinson et al. 2021).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from autocompress.distillation.augmentation import (
    Tokens,
    fitted_texts,
    nearest_tokens,
    with_texts,
    with_words_replaced,
)
from autocompress.distillation.near_texts import NearTexts, Pair
from autocompress.distillation.pair_frame import PairFrame
from autocompress.tasks.encoding import EncodedSplit

MOST_PAIRS = 10_000


@dataclass(frozen=True)
class Noise:
    """Sets the share of a text's words that is replaced by similar ones, and the share that is dropped."""

    replaced: float
    dropped: float


@dataclass(frozen=True)
class PairSettings:
    """Sets the share of each of ``PAIR_KINDS`` among augmented pairs, relative to their sum, and how noisy texts are.

    ``noise`` is that of replaced pairs, ``damage`` that of a text's copy, and ``little_noise`` that of the others.
    ValueError if a share is negative or all are zero.
    """

    replaced: float = 0.40
    swapped: float = 0.15
    neighbour: float = 0.25
    random: float = 0.12
    damaged: float = 0.08
    noise: Noise = Noise(0.07, 0.05)
    little_noise: Noise = Noise(0.04, 0.03)
    damage: Noise = Noise(0.18, 0.12)

    def __post_init__(self) -> None:
        shares = self.shares()
        if min(shares.values()) < 0 or not sum(shares.values()) > 0:
            raise ValueError(f"the shares of pairs must not be negative, and one must be positive, but got {shares}")

    def shares(self) -> dict[str, float]:
        """Return the share of each kind of pair by its name."""
        return {kind: getattr(self, kind) for kind in PAIR_KINDS}


@dataclass(frozen=True, eq=False)
class Material:
    """Holds what pairs are made with: similar words ``words`` [V, N] of each, near texts, and the settings."""

    words: Tokens
    near: NearTexts
    settings: PairSettings

    def noisy(self, text: Tokens, noise: Noise, rng: np.random.Generator) -> Tokens:
        """Return the text [T] with words replaced and dropped, but at least one kept."""
        return with_words_dropped(with_words_replaced(text, self.words, noise.replaced, rng), noise.dropped, rng)


PairKind = Callable[[Pair, Pair, Material, np.random.Generator], Pair]
"""Makes a pair out of one pair, and of another that is any of the split."""


def replaced(pair: Pair, other: Pair, material: Material, rng: np.random.Generator) -> Pair:
    """Return the pair with words of both texts replaced and dropped."""
    noise = material.settings.noise
    return material.noisy(pair[0], noise, rng), material.noisy(pair[1], noise, rng)


def swapped(pair: Pair, other: Pair, material: Material, rng: np.random.Generator) -> Pair:
    """Return the texts exchanged, with a little noise."""
    noise = material.settings.little_noise
    return material.noisy(pair[1], noise, rng), material.noisy(pair[0], noise, rng)


def neighbour(pair: Pair, other: Pair, material: Material, rng: np.random.Generator) -> Pair:
    """Return one of the texts with a text near to its partner, with a little noise, in the partner's place.

    If no texts are known to be near to the partner, another pair is taken; without any, the partner is kept.
    """
    place, near = int(rng.integers(2)), material.near
    if not near.knows(pair[place]) and near.pairs:
        pair = near.pairs[int(rng.integers(len(near.pairs)))]
    found = near.draw(pair[place], rng) if near.knows(pair[place]) else pair[place]
    return _with(pair, place, material.noisy(found, material.settings.little_noise, rng))


def random(pair: Pair, other: Pair, material: Material, rng: np.random.Generator) -> Pair:
    """Return one of the texts with a text of the other pair."""
    return _with(pair, int(rng.integers(2)), other[int(rng.integers(2))])


def damaged(pair: Pair, other: Pair, material: Material, rng: np.random.Generator) -> Pair:
    """Return one of the texts with a copy of itself, before or after it, whose words are replaced and dropped."""
    text = pair[int(rng.integers(2))]
    return _with((text, text), int(rng.integers(2)), material.noisy(text, material.settings.damage, rng))


PAIR_KINDS: Mapping[str, PairKind] = {
    "replaced": replaced,
    "swapped": swapped,
    "neighbour": neighbour,
    "random": random,
    "damaged": damaged,
}


@dataclass(frozen=True, eq=False)
class PairAugmenter:
    """Makes one encoded pair out of an encoded pair, and of another one for a random text, with its separators.

    No augmented pair is longer than ``max_length`` tokens, or than its first source if that is longer; the longer text
    is cut first, as a tokenizer does.
    """

    frame: PairFrame
    material: Material
    max_length: int

    @classmethod
    def for_split(
        cls,
        split: EncodedSplit,
        vectors: NDArray[np.float32],
        separators: Collection[int],
        max_length: int,
        settings: PairSettings | None = None,
        seed: int = 0,
    ) -> PairAugmenter:
        """Return an augmenter with the words of ``split``, and the near texts among at most ``MOST_PAIRS`` of its rows.

        ``vectors`` [V, E] are the teacher's word embeddings; ``seed`` draws the rows. ValueError if rows are not pairs.
        """
        frame = PairFrame.of_split(split, separators)
        words = nearest_tokens(vectors, np.setdiff1d(split.tokens, list(separators)))
        chosen = np.sort(np.random.default_rng(seed).permutation(len(split))[:MOST_PAIRS])
        rows = [split.tokens[split.offsets[number] : split.offsets[number + 1]] for number in chosen]
        near = NearTexts.of_pairs([_pair(frame, row) for row in rows], vectors)
        return cls(frame, Material(words, near, settings or PairSettings()), max_length)

    @cached_property
    def _shares(self) -> tuple[list[PairKind], NDArray[np.float64]]:
        """The kinds of pairs that are made, and the sums of their shares up to each."""
        shares = {kind: share for kind, share in self.material.settings.shares().items() if share}
        sums = np.cumsum(list(shares.values()))
        return [PAIR_KINDS[kind] for kind in shares], sums / sums[-1]

    def augment(self, row: Tokens, other: Tokens, rng: np.random.Generator) -> tuple[Tokens, NDArray[np.int64]]:
        """Return an augmented pair [T'], and for each token the position in ``row`` [T] from which it has its type.

        ValueError if one of the rows is not a pair.
        """
        kinds, sums = self._shares
        make = kinds[int(np.searchsorted(sums, rng.random(), side="right"))]
        places = self.frame.places(row)
        made = make((row[places[0]], row[places[1]]), _pair(self.frame, other), self.material, rng)
        return with_texts(row, places, fitted_texts(row, places, made, self.max_length))


def with_words_dropped(text: Tokens, share: float, rng: np.random.Generator) -> Tokens:
    """Return the text [T] without a random ``share`` of its words, or all of it if none would be left."""
    kept = text[rng.random(len(text)) >= share]
    return kept if len(kept) else text


def _pair(frame: PairFrame, row: Tokens) -> Pair:
    first, second = frame.places(row)
    return row[first], row[second]


def _with(pair: Pair, place: int, text: Tokens) -> Pair:
    """The pair with this text at one of its places, 0 or 1."""
    return (text, pair[1]) if place == 0 else (pair[0], text)
