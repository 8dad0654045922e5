"""Defines the bases of elastic students that pool features over the tokens and classify them with a perceptron."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from autocompress.students.elastic import ElasticNetwork, Selection, masked_max, masked_mean


class StudentOutput(NamedTuple):
    """Logits [B, num_outputs] in float32, and the features [B, width] that the last linear layer maps to them."""

    logits: Tensor
    features: Tensor


class ElasticStudent(ElasticNetwork):
    """Classifies with a perceptron what a subclass makes of the word vectors of a text or a pair."""

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        token_type_ids: Tensor | None = None,
        configuration: Any = None,
        *,
        token_map: Tensor | None = None,
        fake_quantize: bool = False,
    ) -> StudentOutput:
        """Run on input ids [B, T] and mask [B, T] (1 = token; padding on the right); for arguments see ``logits``."""
        if token_map is not None:
            input_ids = token_map[input_ids]
        selection = self._select(configuration, fake_quantize)
        types = torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids
        pooled = self._pooled(selection, selection.rows("embeddings.word", input_ids), attention_mask.bool(), types)
        features = F.relu(selection.linear("head.dense", pooled))
        return StudentOutput(selection.linear("head.out", features).float(), features)

    def heads_and_features(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        token_type_ids: Tensor,
        configuration: Any,
        *,
        fake_quantize: bool = False,
    ) -> tuple[list[Tensor], Tensor | None]:
        """Return the logits of the only head, and the features that its last layer reads."""
        output: StudentOutput = self(
            input_ids, attention_mask, token_type_ids, configuration, fake_quantize=fake_quantize
        )
        return [output.logits], output.features

    @property
    def num_features(self) -> int:
        """The width of the features, which is the same in every sub-network."""
        return len(self.weights["head.dense.bias"])

    def logits(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        token_type_ids: Tensor | None = None,
        configuration: Any = None,
        *,
        token_map: Tensor | None = None,
        fake_quantize: bool = False,
    ) -> Tensor:
        """Return the logits [B, num_outputs] of ``forward``; without ``token_type_ids`` all tokens have type 0."""
        output: StudentOutput = self(
            input_ids,
            attention_mask,
            token_type_ids,
            configuration,
            token_map=token_map,
            fake_quantize=fake_quantize,
        )
        return output.logits

    @abstractmethod
    def _pooled(self, selection: Selection, words: Tensor, mask: Tensor, types: Tensor) -> Tensor:
        """Return what the perceptron reads [B, F] of word vectors [B, T, E], a bool mask and token types [B, T]."""


class MeanMaxStudent(ElasticStudent):
    """Pools a subclass's features of each token by mean and maximum.

    It reads no token types: the separator between the two texts of a pair is a token like any other. ``least`` is a
    lower bound of the features.
    """

    least: ClassVar[float]

    def _pooled(self, selection: Selection, words: Tensor, mask: Tensor, types: Tensor) -> Tensor:
        x = self._features(selection, words, mask)
        return torch.cat([masked_mean(x, mask), masked_max(x, mask, self.least)], -1)

    @abstractmethod
    def _features(self, selection: Selection, x: Tensor, mask: Tensor) -> Tensor:
        """Return the features [B, T, C] of word vectors [B, T, E]; values at padding are ignored afterwards."""
