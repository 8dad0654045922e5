"""The transfer set: the texts that students are distilled on, with what the teacher says of each."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import count as count_from

import numpy as np
from numpy.typing import NDArray

from autocompress.distillation.augmentation import AugmentationSettings, augmented, nearest_tokens
from autocompress.distillation.batches import TensorBatch, tensor_batch
from autocompress.distillation.hidden_states import HiddenStates
from autocompress.tasks.encoding import EncodedSplit

REAL_PASSES = 4


@dataclass(frozen=True, eq=False)
class TransferSet:
    """Texts, the teacher's logits [n, C] and maybe hidden states on them; the first ``labelled`` have a true label."""

    split: EncodedSplit
    targets: NDArray[np.float32]
    labelled: int
    pad_id: int
    unknown_id: int
    hidden: HiddenStates | None = None

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """The texts of one pass: each made-up one once, and with them each real one ``REAL_PASSES`` times."""
        made_up = np.arange(self.labelled, len(self.split))
        return np.concatenate([np.tile(np.arange(self.labelled), REAL_PASSES if len(made_up) else 1), made_up])

    def passes(self, epochs: float) -> float:
        """Passes of ``order`` that are worth ``epochs`` over the real texts, where a made-up text counts half."""
        return epochs * (self.labelled + len(self.split)) / 2.0 / len(self.order)

    def batch(self, indices: NDArray[np.int64]) -> TensorBatch:
        """The examples ``indices`` [B] as tensors."""
        hidden = None if self.hidden is None else self.hidden.values
        return tensor_batch(self.split, indices, self.pad_id, self.targets, self.labelled, hidden)


def extended(
    split: EncodedSplit,
    count: int,
    vectors: NDArray[np.float32],
    separators: Collection[int],
    settings: AugmentationSettings,
    seed: int,
    longest: int,
) -> EncodedSplit:
    """``split`` and ``count`` texts made up from it, which have the label 0 and no right to it.

    A larger ``count`` adds texts to those of a smaller one.

    ``vectors`` [V, E] are the teacher's word embeddings; ``separators`` the ids that texts are enclosed by. Every row
    is made use of about equally often. No text is longer than ``longest`` tokens, what an artefact reads.
    """
    used = np.setdiff1d(split.tokens, list(separators))
    neighbours = nearest_tokens(vectors, used)
    tokens, types, lengths = [split.tokens], [split.type_ids], [split.lengths]
    for number, (first, second, rng) in enumerate(_draws(len(split), seed)):
        if number == count:
            break
        begin, end = split.offsets[first], split.offsets[first + 1]
        other = split.tokens[split.offsets[second] : split.offsets[second + 1]]
        row, places = augmented(split.tokens[begin:end], other, neighbours, separators, settings, rng, longest)
        tokens.append(row)
        types.append(split.type_ids[begin:end][places])
        lengths.append(np.array([len(row)]))
    offsets = np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.int64)
    labels = np.concatenate([split.labels, np.zeros(count, split.labels.dtype)])
    return EncodedSplit(np.concatenate(tokens), np.concatenate(types), offsets, labels)


def _draws(rows: int, seed: int) -> Iterator[tuple[int, int, np.random.Generator]]:
    """Endless pairs of rows to make a text from, each row first once a round, and the generator of the round."""
    for number in count_from(0):
        rng = np.random.default_rng([seed, number])
        for first, second in zip(rng.permutation(rows), rng.integers(rows, size=rows), strict=True):
            yield int(first), int(second), rng
