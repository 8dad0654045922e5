"""Computes full attention: each token attends to every token of its text (Vaswani et al. 2017, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from autocompress.students.attention_forms.form import AttentionForm, Mixing

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

    plain = query.dtype is not torch.bfloat16 and not torch.is_grad_enabled()
    if plain or query.shape[2] > WRITTEN_OUT_LENGTH:
        return F.scaled_dot_product_attention(query, key, value, attn_mask=_bias(query, mask, position_bias))
    return probabilities(query, key, mask, position_bias).to(value.dtype) @ value


def probabilities(query: Tensor, key: Tensor, mask: Tensor, position_bias: Tensor | None = None) -> Tensor:
    """Return the weights [B, A, T, T] of the keys (last axis) in each query's context; they sum to one."""
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2) + _bias(query, mask, position_bias)
    found: Tensor = scores.softmax(-1)
    return found


def _bias(query: Tensor, mask: Tensor, position_bias: Tensor | None) -> Tensor:
    """Return what is added to scores [B, A, T, T]: 0 or the bias for tokens, the lowest number for padding."""
    import torch

    lowest = torch.finfo(query.dtype).min
    if position_bias is not None:
        return torch.where(mask, position_bias.to(query.dtype), lowest)
    return torch.zeros(mask.shape, dtype=query.dtype, device=mask.device).masked_fill_(~mask, lowest)


def emitted(graph: GraphBuilder, parts: Sequence[str], mixing: Mixing) -> str:
    """Add ONNX Runtime's fused attention operator and return its output's name."""
    from autocompress.artifact.blocks import MASKED_SCORE

    masked = {"num_heads": mixing.sizes[0], "mask_filter_value": MASKED_SCORE}
    biased = (mixing.position_bias,) if mixing.position_bias else ()
    return graph.microsoft("MultiHeadAttention", *parts, "", mixing.mask(graph), *biased, **masked)


def emitted_probabilities(graph: GraphBuilder, parts: Sequence[str], mask: str, sizes: tuple[int, int]) -> str:
    """Add the probabilities in separate operators, which take as long as the fused one, and return their name.

    The fused operator returns its scores before the softmax at most, and in recent versions of ONNX Runtime only.
    """
    import numpy as np

    from autocompress.artifact.blocks import MASKED_SCORE
    from autocompress.students.attention_forms.heads import split_heads

    query, key = (
        split_heads(graph, part, sizes, axes) for part, axes in zip(parts, ((0, 2, 1, 3), (0, 2, 3, 1)), strict=True)
    )
    scaled = graph.op("Mul", query, graph.constant(np.array(sizes[1] ** -0.5, np.float32)))
    padding = graph.op("Sub", graph.constant(np.array(1, np.float32)), mask)
    bias = graph.op("Mul", padding, graph.constant(np.array(MASKED_SCORE, np.float32)))
    scores = graph.op("Add", graph.op("MatMul", scaled, key), graph.op("Unsqueeze", bias, graph.integers(1)))
    return graph.op("Softmax", scores, axis=-1)


def _mixed(parts: Sequence[Tensor], mask: Tensor, position_bias: Tensor | None, kernel: Tensor | None) -> Tensor:
    query, key, value = parts
    return mixed(query, key, value, mask, position_bias)


FULL = AttentionForm(lambda layer: True, _mixed, emitted, probabilities, emitted_probabilities)
