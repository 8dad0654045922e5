"""Gives students their batches of the transfer set: with some words masked, and in a vocabulary of their own size."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from autocompress.distillation.batches import TensorBatch, mask_tokens, token_map
from autocompress.distillation.transfer import TransferSet


@dataclass(frozen=True, eq=False)
class StudentTexts:
    """The transfer set, and the order in which smaller vocabularies keep its tokens.

    ``vocabulary_order`` [V] holds all token ids, the most frequent first.
    """

    transfer: TransferSet
    vocabulary_order: NDArray[np.int32]
    _token_maps: dict[int, Tensor | None] = field(default_factory=dict, init=False, repr=False)

    def in_vocabulary(self, batch: TensorBatch, vocabulary_size: int) -> TensorBatch:
        """Return the batch with the unknown token for all but the ``vocabulary_size`` most frequent tokens."""
        if vocabulary_size not in self._token_maps:
            kept = token_map(self.vocabulary_order, vocabulary_size, self.transfer.unknown_id)
            self._token_maps[vocabulary_size] = kept
        table = self._token_maps[vocabulary_size]
        return batch if table is None else replace(batch, input_ids=table[batch.input_ids])


class WordMasking:
    """Replaces a random ``share`` of the words by the unknown token, in every other batch.

    The teacher's outputs stay those of the whole text (Tang et al. 2019, section 3.2).
    """

    def __init__(self, unknown_id: int, share: float, seed: int) -> None:
        self._unknown_id, self._share = unknown_id, share
        self._generator = torch.Generator().manual_seed(seed)
        self._batches = 0

    def __call__(self, batch: TensorBatch) -> TensorBatch:
        """Return the next batch, with words masked if it is the second, the fourth and so on."""
        self._batches += 1
        if self._batches % 2 or not self._share:
            return batch
        masked = mask_tokens(batch.input_ids, batch.attention_mask, self._unknown_id, self._share, self._generator)
        return replace(batch, input_ids=masked)
