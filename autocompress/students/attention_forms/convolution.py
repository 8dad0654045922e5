"""Replaces attention by a convolution over neighbouring tokens, with one kernel per head (WaLDORf, Tian et al. 2021).

Values and the output projection stay those of the teacher; query and key, and with them the probabilities, are gone.
The context of a token is the weighted sum of the values around it, by their distance alone, plus a constant, which
stands for what attention reads farther away.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autocompress.students.attention_forms.form import AttentionForm, Mixing

if TYPE_CHECKING:
    from torch import Tensor

    from autocompress.artifact.graph import GraphBuilder

NAME = "convolution"
"""Name of the value of a layer that is the width of its kernels; 0 for a layer that attends."""
KERNEL, OFFSET = "attention.kernel", "attention.offset"


def width_of(layer: Any) -> int:
    """Return the number of tokens that a layer's convolution reads; 0 if the layer attends."""
    return int(dict(layer.extra).get(NAME, 0))


def mixed(value: Tensor, mask: Tensor, kernel: Tensor) -> Tensor:
    """Return the context [B, A, T, d] of ``value`` [B, A, T, d] by a ``kernel`` [A, K] of odd width.

    Place K // 2 of the kernel is the token's own. Padding, where the bool mask [B, 1, 1, T] is False, counts as zeros.
    It is the product with a band matrix.
    """
    inside = value * mask.transpose(-1, -2).to(value.dtype)
    return band(kernel, value.shape[2]).to(value.dtype) @ inside


def band(kernel: Tensor, length: int) -> Tensor:
    """Return the matrices [A, T, T] that hold the ``kernel`` [A, K] around their diagonals, and zeros elsewhere."""
    import torch
    from torch.nn import functional as F

    reach = kernel.shape[1] // 2
    places = torch.arange(length, device=kernel.device)
    distances = (places - places[:, None]).clamp(-reach - 1, reach + 1)
    return F.pad(kernel, (1, 1))[:, distances + reach + 1]


def emitted(graph: GraphBuilder, parts: Sequence[str], mixing: Mixing) -> str:
    """Add the same as a grouped convolution with tokens on the last axis."""
    from autocompress.students.attention_forms.heads import split_heads

    assert mixing.kernel is not None
    heads, width = mixing.kernel.shape
    values = split_heads(graph, parts[0], mixing.sizes, (0, 2, 3, 1))
    inside = graph.op("Mul", values, graph.op("Unsqueeze", mixing.tokens.row, graph.integers(1)))
    kernel = graph.constant(mixing.kernel.reshape(heads, 1, 1, width))
    summed = graph.op("Conv", inside, kernel, group=heads, pads=[0, width // 2, 0, width // 2])
    joined = graph.op("Transpose", summed, perm=[0, 3, 1, 2])
    return graph.op("Reshape", joined, graph.integers(0, 0, mixing.sizes[0] * mixing.sizes[1]))


def _mixed(parts: Sequence[Tensor], mask: Tensor, position_bias: Tensor | None, kernel: Tensor | None) -> Tensor:
    assert kernel is not None
    return mixed(parts[0], mask, kernel)


CONVOLUTION = AttentionForm(
    lambda layer: width_of(layer) > 0,
    _mixed,
    emitted,
    projections=("value",),
    kernel=KERNEL,
    offset=OFFSET,
)
