"""Defines what elastic networks share: parameters under canonical names, and sub-networks as views of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from autocompress.domain.shape import EncoderShape
from autocompress.networks.weights import EMBEDDING_TABLES, Arrays
from autocompress.students.configuration import Configuration
from autocompress.students.fake_quantize import fake_quantize
from autocompress.students.linear_forms import LinearSettings
from autocompress.students.weight_settings import weight_settings


class ElasticNetwork(nn.Module):
    """A network that runs as any of its sub-networks.

    Parameters are named as the arrays are, with ``/`` for ``.`` (torch keeps the dot for itself). The embedding
    tables do not learn unless ``freeze_embeddings(False)`` is called. ``shape`` is the teacher's.
    """

    def __init__(self, shape: EncoderShape, arrays: Arrays) -> None:
        super().__init__()
        self.shape = shape
        self._tables: dict[str, tuple[Any, Tensor]] = {}
        for name, array in arrays.items():
            self.register_parameter(name.replace(".", "/"), nn.Parameter(torch.tensor(array, dtype=torch.float32)))
        self.freeze_embeddings()

    @property
    def weights(self) -> dict[str, Tensor]:
        """The parameters under their canonical names."""
        return {name.replace("/", "."): p for name, p in self._parameters.items() if p is not None}

    def to_arrays(self) -> Arrays:
        """Copies of the weights as float32 arrays under their canonical names."""
        return {name: weight.detach().cpu().float().numpy().copy() for name, weight in self.weights.items()}

    def freeze_embeddings(self, frozen: bool = True) -> None:
        """Whether the embedding tables (word, position, token type) stay as they are in training."""
        for name in EMBEDDING_TABLES:
            if name in self.weights:
                self.weights[name].requires_grad_(not frozen)

    @abstractmethod
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
        """Logits [B, num_outputs] at the end of the (sub-)network, in float32."""

    @abstractmethod
    def heads_and_features(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        token_type_ids: Tensor,
        configuration: Any,
        *,
        fake_quantize: bool = False,
    ) -> tuple[list[Tensor], Tensor | None]:
        """Logits [B, num_outputs] of every head that is read, in order, and features [B, width] they are read from.

        The features are None where the network has none that could learn the teacher's hidden states.
        """

    @abstractmethod
    def _slices(self, weights: Mapping[str, Tensor], configuration: Any) -> dict[str, Tensor]:
        """Views of the sub-network's weights."""

    def _select(self, configuration: Configuration | None, quantized: bool) -> Selection:
        if configuration is None:
            if quantized:
                raise ValueError("fake quantization needs a configuration, which says the bits of each weight")
            return Selection(self.weights, {})
        weights = self._slices(self.weights, configuration)
        if not quantized:
            return Selection(weights, {})
        reads = {}
        for name, settings in weight_settings(configuration, weights).items():
            if name not in EMBEDDING_TABLES:
                weights[name] = fake_quantize(weights[name], settings)
            elif weights[name].requires_grad:
                reads[name] = settings
            else:
                weights[name] = self._frozen_table(name, weights[name], settings)
        return Selection(weights, reads)

    def _frozen_table(self, name: str, table: Tensor, settings: LinearSettings) -> Tensor:
        """A quantized table that does not learn, kept until another width, precision or content is asked for."""
        key = (settings, tuple(table.shape), table.device, table._version)
        if name not in self._tables or self._tables[name][0] != key:
            self._tables[name] = key, fake_quantize(table, settings)
        return self._tables[name][1]


class Selection:
    """The weights one forward pass runs on: cut, and fake quantized where asked."""

    def __init__(self, weights: dict[str, Tensor], reads: Mapping[str, LinearSettings]) -> None:
        self.weights = weights
        self._reads = reads

    def __contains__(self, name: str) -> bool:
        return name in self.weights

    def __getitem__(self, name: str) -> Tensor:
        return self.weights[name]

    def rows(self, name: str, ids: Tensor) -> Tensor:
        """Rows [.., E] of an embedding table; of one that learns, only the rows that are read are quantized."""
        rows = F.embedding(ids, self.weights[name])
        return fake_quantize(rows, self._reads[name]) if name in self._reads else rows

    def linear(self, name: str, x: Tensor) -> Tensor:
        """[.., in] to [.., out]."""
        return F.linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def norm(self, name: str, x: Tensor, epsilon: float) -> Tensor:
        """Layer normalization over the channels that are there."""
        weight = self.weights[f"{name}.weight"]
        return F.layer_norm(x, weight.shape, weight, self.weights[f"{name}.bias"], epsilon)


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """Mean [B, C] of x [B, T, C] over the tokens where the bool mask [B, T] holds; 0 for a row without tokens."""
    weights = mask.to(x.dtype).unsqueeze(-1)
    return (x * weights).sum(1) / weights.sum(1).clamp(min=1)


def masked_max(x: Tensor, mask: Tensor, least: float) -> Tensor:
    """Maximum [B, C] of x [B, T, C] over the tokens where the bool mask [B, T] holds.

    No value of x is below ``least``, which a row without tokens has.
    """
    return x.masked_fill(~mask.unsqueeze(-1), least).amax(1)
