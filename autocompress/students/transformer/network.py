"""Defines the elastic encoder: BERT-like, it runs as any of its sub-networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from autocompress.domain.shape import RELATIVE_BIAS
from autocompress.networks.relative_positions import pair_buckets
from autocompress.networks.weights import layer_indices
from autocompress.students.attention_forms import attention_of
from autocompress.students.attention_forms.form import PROJECTIONS
from autocompress.students.elastic import ElasticNetwork, Selection, masked_mean
from autocompress.students.token_policies import out_of_place, tokens_of
from autocompress.students.transformer.configuration import LayerConfiguration, TransformerConfiguration
from autocompress.students.transformer.cut import slice_transformer
from autocompress.students.transformer.fewer_tokens import fewer_tokens
from autocompress.students.transformer.sharing import weight_owners

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_new": partial(F.gelu, approximate="tanh"),
    "relu": F.relu,
    "tanh": torch.tanh,
}


@dataclass(frozen=True)
class EncoderOutput:
    """Holds the outputs of one forward pass.

    ``logits`` has [B, num_outputs] (float32) for each kept layer with a head, by the teacher's layer index; ``hidden``
    one [B, T, H'] per kept layer, with fewer tokens from one that drops some on; ``embeddings`` [B, T, H'] is the input
    of the first layer.
    """

    logits: dict[int, Tensor]
    hidden: list[Tensor]
    embeddings: Tensor

    @property
    def last(self) -> Tensor:
        """The logits of the last head."""
        return self.logits[max(self.logits)]


class ElasticEncoder(ElasticNetwork):
    """Runs any subset of layers (post-norm, as BERT), and leading hidden channels, heads and neurons.

    ``arrays`` are those of a complete encoder or of a sub-network. Without a configuration all of them are used.
    """

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        token_type_ids: Tensor | None = None,
        configuration: TransformerConfiguration | None = None,
        *,
        token_map: Tensor | None = None,
        fake_quantize: bool = False,
    ) -> EncoderOutput:
        """Run on input ids [B, T], mask [B, T] (1 = token; padding on the right) and token types [B, T] or None.

        ``token_map`` int64 [V] maps each input id to a row of the embedding table (reduced vocabulary).
        ``fake_quantize`` rounds and prunes the weights as the configuration says, with straight-through gradients.
        """
        if token_map is not None:
            input_ids = token_map[input_ids]
        selection = self._select(configuration, fake_quantize)
        mask = attention_mask.bool()
        x = embeddings = self.embedded(selection, input_ids, token_type_ids)
        layers = {} if configuration is None else {layer.index: layer for layer in configuration.layers}
        owners = {} if configuration is None else weight_owners(configuration)
        logits, hidden = {}, []
        for index in owners or layer_indices(selection.weights):
            x, mask = self._layer(selection, f"layers.{owners.get(index, index)}.", x, mask, layers.get(index))
            hidden.append(x)
            if f"heads.{index}.out.weight" in selection:
                logits[index] = self._head(selection, index, x, mask)
        return EncoderOutput(logits, hidden, embeddings)

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
        """Return the logits [B, num_outputs] of the last head; for arguments see ``forward``."""
        output = self(
            input_ids, attention_mask, token_type_ids, configuration, token_map=token_map, fake_quantize=fake_quantize
        )
        return output.last  # type: ignore[no-any-return]

    def heads_and_features(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        token_type_ids: Tensor,
        configuration: Any,
        *,
        fake_quantize: bool = False,
    ) -> tuple[list[Tensor], Tensor | None]:
        """Return the logits of the heads after the kept layers that have one, and None for the features."""
        output = self(input_ids, attention_mask, token_type_ids, configuration, fake_quantize=fake_quantize)
        return list(output.logits.values()), None

    def _slices(self, weights: Mapping[str, Tensor], configuration: Any) -> dict[str, Tensor]:
        return slice_transformer(weights, self.shape, configuration)

    def embedded(self, selection: Selection, input_ids: Tensor, token_type_ids: Tensor | None) -> Tensor:
        """Return the input [B, T, H'] of the first layer."""
        x = self.summed_embeddings(selection, input_ids, token_type_ids)
        x = selection.norm("embeddings.norm", x, self.shape.layer_norm_epsilon)
        return selection.linear("embeddings.projection", x) if "embeddings.projection.weight" in selection else x

    def summed_embeddings(self, selection: Selection, input_ids: Tensor, token_type_ids: Tensor | None) -> Tensor:
        """Return the sum [B, T, E] of the embeddings of words, positions and token types, before the norm."""
        positions = torch.arange(input_ids.shape[1], device=input_ids.device)
        x = selection.rows("embeddings.word", input_ids) + selection.rows("embeddings.position", positions)
        if "embeddings.token_type" in selection:
            table = selection["embeddings.token_type"]
            single = token_type_ids is None or len(table) == 1
            x = x + (table[0] if single else F.embedding(token_type_ids, table))  # type: ignore[arg-type]
        return x

    def part_features(self, selection: Selection, name: str, part: str, x: Tensor) -> Tensor:
        """Return the contexts or neurons [B, T, I] of hidden states [B, T, H] without padding.

        ``name`` begins the names of a layer that has all of the teacher's attention; ``part`` is ``attention`` or
        ``feed_forward``.
        """
        if part == "feed_forward":
            return ACTIVATIONS[self.shape.hidden_activation](selection.linear(f"{name}feed_forward.up", x))
        parts = [self._heads(selection, f"{name}attention.{one}", x) for one in PROJECTIONS]
        mask = torch.ones(len(x), 1, 1, x.shape[1], dtype=torch.bool, device=x.device)
        bias = self._relative_bias(selection, f"{name}{RELATIVE_BIAS}", x)
        return attention_of(None).mixed(parts, mask, bias, None).transpose(1, 2).flatten(2)

    def _layer(
        self, selection: Selection, name: str, x: Tensor, mask: Tensor, layer: LayerConfiguration | None
    ) -> tuple[Tensor, Tensor]:
        """Return the layer's output and its mask, which has fewer tokens where a policy of tokens drops some."""
        epsilon = self.shape.layer_norm_epsilon

        form = attention_of(layer)
        parts = [self._heads(selection, f"{name}attention.{part}", x) for part in form.projections]
        bias = self._relative_bias(selection, f"{name}{RELATIVE_BIAS}", x)
        if tokens_of(layer) is None:
            kernel = selection[f"{name}{form.kernel}"] if form.kernel else None
            context = form.mixed(parts, mask[:, None, None, :], bias, kernel).transpose(1, 2).flatten(2)
            context = context + selection[f"{name}{form.offset}"] if form.offset else context
        elif bias is not None:
            raise out_of_place(layer)
        else:
            x, context, mask = fewer_tokens(x, parts, mask, layer)
        x = selection.norm(f"{name}attention.norm", x + selection.linear(f"{name}attention.output", context), epsilon)
        neurons = ACTIVATIONS[self.shape.hidden_activation](selection.linear(f"{name}feed_forward.up", x))
        x = x + selection.linear(f"{name}feed_forward.down", neurons)
        return selection.norm(f"{name}feed_forward.norm", x, epsilon), mask

    def _heads(self, selection: Selection, name: str, x: Tensor) -> Tensor:
        """Return the projection of ``x`` [B, T, H'] of this name, by heads: [B, A', T, d]."""
        projected = selection.linear(name, x)
        count = projected.shape[-1] // self.shape.head_size
        return projected.view(*x.shape[:2], count, self.shape.head_size).transpose(1, 2)

    def _relative_bias(self, selection: Selection, name: str, x: Tensor) -> Tensor | None:
        """Return the bias [1, A', T, T] by the distance of query and key, from a table [buckets, A'] of this name."""
        if name not in selection:
            return None
        buckets = pair_buckets(x.shape[1], self.shape.relative_attention_num_buckets)
        return selection.rows(name, torch.from_numpy(buckets).to(x.device)).permute(2, 0, 1).unsqueeze(0)

    def _head(self, selection: Selection, layer: int, x: Tensor, mask: Tensor) -> Tensor:
        pooled = masked_mean(x, mask) if self.shape.pooling_after(layer) == "mean" else x[:, 0]
        hidden = ACTIVATIONS[self.shape.activation_after(layer)](selection.linear(f"heads.{layer}.dense", pooled))
        return selection.linear(f"heads.{layer}.out", hidden).float()
