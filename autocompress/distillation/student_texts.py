"""Gives students their batches of the transfer set: with some words masked, and in a vocabulary of their own size."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from autocompress.compression.vocabulary import Vocabulary
from autocompress.distillation.batches import TensorBatch, head_logits, mask_tokens
from autocompress.distillation.transfer import TransferSet
from autocompress.students.configuration import Configuration
from autocompress.students.elastic import ElasticNetwork

BATCH = 64


@dataclass(frozen=True, eq=False)
class StudentTexts:
    """The transfer set, and the vocabulary whose most frequent tokens students keep."""

    transfer: TransferSet
    vocabulary: Vocabulary
    _token_maps: dict[int, Tensor] = field(default_factory=dict, init=False, repr=False)

    def in_vocabulary(self, batch: TensorBatch, vocabulary_size: int) -> TensorBatch:
        """Return the batch with another token for all but the ``vocabulary_size`` most frequent ones."""
        if vocabulary_size >= len(self.vocabulary):
            return batch
        if vocabulary_size not in self._token_maps:
            self._token_maps[vocabulary_size] = torch.from_numpy(self.vocabulary.read_as(vocabulary_size))
        return replace(batch, input_ids=self._token_maps[vocabulary_size][batch.input_ids])

    def outputs(
        self, network: ElasticNetwork, configuration: Configuration, *, fake_quantize: bool = False
    ) -> NDArray[np.float32]:
        """Return the logits [n, C] of the last head of a network in evaluation mode, or of a part of it, on all texts.

        With ``fake_quantize`` the weights are rounded to the configuration's bits.
        """
        outputs = np.empty_like(self.transfer.targets)
        order = np.argsort(self.transfer.split.lengths, kind="stable")
        with torch.inference_mode():
            for rows in (order[begin : begin + BATCH] for begin in range(0, len(order), BATCH)):
                batch = self.in_vocabulary(self.transfer.batch(rows), configuration.vocabulary_size)
                outputs[rows] = head_logits(network, batch, configuration, fake_quantize=fake_quantize)[-1].numpy()
        return outputs


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
