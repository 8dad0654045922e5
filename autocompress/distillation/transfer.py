"""The transfer set: the texts that students are distilled on, with what the teacher says of each."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autocompress.distillation.augmentation import AugmentationSettings, augmented, nearest_tokens
from autocompress.distillation.hidden_states import HiddenStates
from autocompress.distillation.students import TensorBatch, tensor_batch
from autocompress.tasks.encoding import EncodedSplit


@dataclass(frozen=True, eq=False)
class TransferSet:
    """Texts, the teacher's logits [n, C] and maybe hidden states on them; the first ``labelled`` have a true label."""

    split: EncodedSplit
    targets: NDArray[np.float32]
    labelled: int
    pad_id: int
    unknown_id: int
    hidden: HiddenStates | None = None

    def passes(self, epochs: float) -> float:
        """Passes over this set that are worth as much as ``epochs`` over the real texts: a made-up one counts half."""
        ratio = len(self.split) / self.labelled - 1.0
        return epochs * (1.0 + ratio / 2.0) / (1.0 + ratio)

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
) -> EncodedSplit:
    """``split`` and ``count`` texts made up from it, which have the label 0 and no right to it.

    ``vectors`` [V, E] are the teacher's word embeddings; ``separators`` the ids that texts are enclosed by. Every row
    is made use of about equally often.
    """
    rng = np.random.default_rng(seed)
    used = np.setdiff1d(split.tokens, list(separators))
    neighbours = nearest_tokens(vectors, used)
    tokens, types, lengths = [split.tokens], [split.type_ids], [split.lengths]
    rounds = -(-count // len(split))
    firsts = np.argsort(rng.random((rounds, len(split))), axis=1).ravel()[:count]
    seconds = rng.integers(len(split), size=count)
    for first, second in zip(firsts, seconds, strict=True):
        begin, end = split.offsets[first], split.offsets[first + 1]
        other = split.tokens[split.offsets[second] : split.offsets[second + 1]]
        row, places = augmented(split.tokens[begin:end], other, neighbours, separators, settings, rng)
        tokens.append(row)
        types.append(split.type_ids[begin:end][places])
        lengths.append(np.array([len(row)]))
    offsets = np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.int64)
    labels = np.concatenate([split.labels, np.zeros(count, split.labels.dtype)])
    return EncodedSplit(np.concatenate(tokens), np.concatenate(types), offsets, labels)
