"""Defines the base of elastic networks, whose sub-networks run on views of one set of parameters."""

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
    """A network that can run as any of its sub-networks.

    Its parameters have the canonical names of ``arrays``, with ``/`` for ``.``, which torch does not allow in names.
    The embedding tables are frozen until ``freeze_embeddings(False)`` is called. ``shape`` is the teacher's.
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
        """Return copies of the weights as float32 arrays under their canonical names."""
        return {name: weight.detach().cpu().float().numpy().copy() for name, weight in self.weights.items()}

    def freeze_embeddings(self, frozen: bool = True) -> None:
        """Exclude the embedding tables (word, position, token type) from training, or include them."""
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
        """Return the logits [B, num_outputs] of the (sub-)network's last head, in float32.

        ``input_ids``, ``attention_mask`` (1 = token; padding on the right) and ``token_type_ids`` are [B, T]. Without a
        ``configuration`` the whole network runs. ``token_map`` int64 [V] maps each input id to a row of the embedding
        table (reduced vocabulary). ``fake_quantize`` rounds and prunes the weights as the configuration says.
        """

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
        """Return the logits [B, num_outputs] of every head of the sub-network, the lowest first, and its features.

        Features [B, width] are what the last layer of the only head reads; the teacher's hidden states are distilled
        into them. They are None for a network into which hidden states are not distilled.
        """

    @abstractmethod
    def _slices(self, weights: Mapping[str, Tensor], configuration: Any) -> dict[str, Tensor]:
        """Return views of the sub-network's weights."""

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
        """Return a frozen table, fake quantized; the result is cached until width, precision or content change."""
        key = (settings, tuple(table.shape), table.device, table._version)
        if name not in self._tables or self._tables[name][0] != key:
            self._tables[name] = key, fake_quantize(table, settings)
        return self._tables[name][1]


class Selection:
    """Holds the weights of one forward pass: cut to a configuration and, if requested, fake quantized.

    ``reads`` gives the settings of embedding tables that train; their rows are quantized when they are looked up.
    """

    def __init__(self, weights: dict[str, Tensor], reads: Mapping[str, LinearSettings]) -> None:
        self.weights = weights
        self._reads = reads

    def __contains__(self, name: str) -> bool:
        return name in self.weights

    def __getitem__(self, name: str) -> Tensor:
        return self.weights[name]

    def rows(self, name: str, ids: Tensor) -> Tensor:
        """Return the rows [.., E] of an embedding table; of a table that trains, only these rows are quantized."""
        rows = F.embedding(ids, self.weights[name])
        return fake_quantize(rows, self._reads[name]) if name in self._reads else rows

    def linear(self, name: str, x: Tensor) -> Tensor:
        """Apply a linear layer to ``x`` [.., in]; return [.., out]."""
        return F.linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def norm(self, name: str, x: Tensor, epsilon: float) -> Tensor:
        """Apply layer normalization over the sub-network's channels to ``x`` [.., H']."""
        weight = self.weights[f"{name}.weight"]
        return F.layer_norm(x, weight.shape, weight, self.weights[f"{name}.bias"], epsilon)


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """Return the mean [B, C] of x [B, T, C] over the tokens where the bool mask [B, T] is True; 0 for an empty text."""
    weights = mask.to(x.dtype).unsqueeze(-1)
    return (x * weights).sum(1) / weights.sum(1).clamp(min=1)


def masked_max(x: Tensor, mask: Tensor, least: float) -> Tensor:
    """Return the maximum [B, C] of x [B, T, C] over the tokens where the bool mask [B, T] is True.

    No value of x may be below ``least``, which is the maximum of an empty text.
    """
    return x.masked_fill(~mask.unsqueeze(-1), least).amax(1)
