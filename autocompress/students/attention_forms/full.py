"""Computes full attention: each token attends to every token of its text (Vaswani et al. 2017, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from autocompress.students.attention_forms.form import AttentionForm

if TYPE_CHECKING:
    from torch import Tensor

    from autocompress.artifact.graph import GraphBuilder

# Longest text, in tokens, whose attention is computed in separate operations.
WRITTEN_OUT_LENGTH = 256


def mixed(query: Tensor, key: Tensor, value: Tensor, mask: Tensor, position_bias: Tensor | None = None) -> Tensor:
    """Return scaled dot-product attention [B, A, T, d] over the keys where the bool mask [B, 1, 1, T] is True.

    Where it is False for all keys, they have equal weights. ``position_bias`` [1, A, T, T] is added to the scores.

    In training and in bfloat16 the operations are separate: the backward pass of torch's fused kernel on a CPU takes
    four to ten times as long (38% of a training step at 30 tokens). For long texts the fused kernel saves memory.
    """
    import torch
    from torch.nn import functional as F

    lowest = torch.finfo(query.dtype).min
    bias = torch.zeros(mask.shape, dtype=query.dtype, device=mask.device).masked_fill_(~mask, lowest)
    if position_bias is not None:
        bias = torch.where(mask, position_bias.to(query.dtype), lowest)
    plain = query.dtype is not torch.bfloat16 and not torch.is_grad_enabled()
    if plain or query.shape[2] > WRITTEN_OUT_LENGTH:
        return F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2) + bias
    shares: Tensor = scores.softmax(-1).to(value.dtype)
    return shares @ value


def emitted(graph: GraphBuilder, parts: Sequence[str], mask: str, heads: int, position_bias: str = "") -> str:
    """Add ONNX Runtime's fused attention operator and return its output's name."""
    from autocompress.artifact.blocks import MASKED_SCORE

    masked = {"num_heads": heads, "mask_filter_value": MASKED_SCORE}
    biased = (position_bias,) if position_bias else ()
    return graph.microsoft("MultiHeadAttention", *parts, "", mask, *biased, **masked)


FULL = AttentionForm(lambda layer: True, mixed, emitted)
