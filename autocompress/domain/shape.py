"""Defines the shape of a BERT-like encoder: all sizes that its weights and its graph depend on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from autocompress.system.serialization import Stored

RELATIVE_BIAS = "attention.relative_bias"
"""Name, within a layer, of the table [buckets, heads] of a bias by relative position."""


@dataclass(frozen=True)
class EncoderShape(Stored):
    """Holds the sizes of a BERT-like encoder and its head, under the names that Hugging Face gives them.

    ``max_positions`` is the number of usable positions, without RoBERTa's two reserved rows; ``num_outputs`` is that of
    the head. The head after the last layer reads the first token's vector ([CLS]) or the mean over the tokens
    (``head_pooling``: ``first`` or ``mean``), and has ``head_activation`` between its two linear layers. Heads after
    lower layers always read the mean and have relu. ``relative_attention_num_buckets`` is the number of rows of the
    table from which attention adds a bias by the distance of two tokens (MPNet); 0 without such a bias.
    ``output_scale`` is the standard deviation of a regression's outputs, the unit in which early exits compare them.
    """

    num_hidden_layers: int
    hidden_size: int
    num_attention_heads: int
    intermediate_size: int
    vocab_size: int
    max_positions: int
    type_vocab_size: int
    num_outputs: int
    embedding_size: int
    hidden_activation: str = "gelu"
    head_pooling: str = "first"
    head_activation: str = "tanh"
    layer_norm_epsilon: float = 1e-12
    relative_attention_num_buckets: int = 0
    output_scale: float = 1.0

    def to_json(self) -> dict[str, Any]:
        """Return the fields in JSON's types; a number of 0 buckets and a scale of 1 are left out."""
        fields = super().to_json()
        if not self.relative_attention_num_buckets:
            del fields["relative_attention_num_buckets"]
        if self.output_scale == 1.0:
            del fields["output_scale"]
        return fields

    @property
    def head_size(self) -> int:
        """Return the width of an attention head, which pruning heads does not change."""
        return self.hidden_size // self.num_attention_heads

    def pooling_after(self, layer: int) -> str:
        """Return what the head after the layer with this index reads: ``first`` or ``mean``."""
        return self.head_pooling if layer == self.num_hidden_layers - 1 else "mean"

    def activation_after(self, layer: int) -> str:
        """Return the activation in the head after the layer with this index."""
        return self.head_activation if layer == self.num_hidden_layers - 1 else "relu"
