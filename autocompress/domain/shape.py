"""The sizes of a BERT-like encoder."""

from __future__ import annotations

from dataclasses import dataclass

from autocompress.system.serialization import Stored


@dataclass(frozen=True)
class EncoderShape(Stored):
    """Sizes of a BERT-like encoder, in the words of Hugging Face.

    ``max_positions`` counts usable positions (RoBERTa's two reserved rows are not counted). ``head_pooling`` is
    ``first`` (the [CLS] vector) or ``mean``; ``head_activation`` stands between the two linear layers of a head. Both
    are of the head after the last layer: heads lower down read the mean of the tokens, with relu.
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

    @property
    def head_size(self) -> int:
        """The width of one attention head, which stays when heads are pruned."""
        return self.hidden_size // self.num_attention_heads

    def pooling_after(self, layer: int) -> str:
        """What the head after a layer reads, ``first`` or ``mean``."""
        return self.head_pooling if layer == self.num_hidden_layers - 1 else "mean"

    def activation_after(self, layer: int) -> str:
        """The activation in the head after a layer."""
        return self.head_activation if layer == self.num_hidden_layers - 1 else "relu"
