"""The transfer set: the texts that students are distilled on, with the teacher's outputs on them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import count as count_from
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from autocompress.distillation.augmentation import Tokens
from autocompress.distillation.balance import answers_of, repetitions
from autocompress.distillation.batches import TensorBatch, tensor_batch
from autocompress.distillation.hidden_states import HiddenStates
from autocompress.tasks.encoding import EncodedSplit

REAL_PASSES = 4


class RowAugmenter(Protocol):
    """Makes augmented rows: ``Augmenter`` out of the texts of any rows, ``PairAugmenter`` out of pairs."""

    def augment(self, row: Tokens, other: Tokens, rng: np.random.Generator) -> tuple[Tokens, NDArray[np.int64]]:
        """Return a row [T'] made out of two, and for each token the position in ``row`` [T] with its token type."""


@dataclass(frozen=True, eq=False)
class TransferSet:
    """Holds real and augmented texts with the teacher's logits ``targets`` [n, C] and, if known, its hidden states.

    The first ``labelled`` texts are real and have a true label; the others are augmented. If it is ``balanced``, those
    to which the teacher gives a rare answer are read more than once (see ``repetitions``).
    """

    split: EncodedSplit
    targets: NDArray[np.float32]
    labelled: int
    pad_id: int
    unknown_id: int
    hidden: HiddenStates | None = None
    balanced: bool = False

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """The texts of one pass: each augmented one once and, if there are any, each real one ``REAL_PASSES`` times.

        If the set is ``balanced``, an augmented text with a rare answer is there several times.
        """
        augmented = np.arange(self.labelled, len(self.split))
        if self.balanced:
            augmented = np.repeat(augmented, repetitions(answers_of(self.targets, self.labelled), self.labelled))
        return np.concatenate([np.tile(np.arange(self.labelled), REAL_PASSES if len(augmented) else 1), augmented])

    def passes(self, epochs: float) -> float:
        """Return the passes over ``order`` worth ``epochs`` over the real texts; an augmented text counts half."""
        return epochs * (self.labelled + len(self.split)) / 2.0 / len(self.order)

    def batch(self, indices: NDArray[np.int64]) -> TensorBatch:
        """Return the examples ``indices`` [B] as tensors."""
        hidden = None if self.hidden is None else self.hidden.values
        return tensor_batch(self.split, indices, self.pad_id, self.targets, self.labelled, hidden)


def with_augmented(split: EncodedSplit, augmenter: RowAugmenter, count: int, seed: int) -> EncodedSplit:
    """Return the texts of ``split`` followed by ``count`` augmented ones, whose label 0 means nothing.

    Every text is a source about equally often. A larger ``count`` gives the same texts as a smaller one, and more.
    """
    tokens, types, lengths = [split.tokens], [split.type_ids], [split.lengths]
    for number, (first, second, rng) in enumerate(_random_pairs(len(split), seed)):
        if number == count:
            break
        begin, end = split.offsets[first], split.offsets[first + 1]
        other = split.tokens[split.offsets[second] : split.offsets[second + 1]]
        row, sources = augmenter.augment(split.tokens[begin:end], other, rng)
        tokens.append(row)
        types.append(split.type_ids[begin:end][sources])
        lengths.append(np.array([len(row)]))
    offsets = np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.int64)
    labels = np.concatenate([split.labels, np.zeros(count, split.labels.dtype)])
    return EncodedSplit(np.concatenate(tokens), np.concatenate(types), offsets, labels)


def _random_pairs(rows: int, seed: int) -> Iterator[tuple[int, int, np.random.Generator]]:
    """Endless pairs of rows, and the generator of their round; each row is the first of a pair once a round."""
    for number in count_from(0):
        rng = np.random.default_rng([seed, number])
        for first, second in zip(rng.permutation(rows), rng.integers(rows, size=rows), strict=True):
            yield int(first), int(second), rng
