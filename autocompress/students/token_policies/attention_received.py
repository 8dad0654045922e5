"""Keeps the word vectors that receive the most attention: word-vector elimination (PoWER-BERT, Goyal et al. 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autocompress.students.token_policies.policy import TokenPolicy

if TYPE_CHECKING:
    from torch import Tensor

    from autocompress.artifact.blocks import Pooling
    from autocompress.artifact.graph import GraphBuilder

KEEP_TOKENS = "keep_tokens"
"""Name of the value of a layer that is the share of tokens that go on."""
# Above every significance score: the first token, [CLS], always goes on.
FIRST = 1e30


def share(layer: Any) -> float:
    """Return the share of a layer's tokens that go on."""
    return float(dict(layer.extra).get(KEEP_TOKENS, 1.0))


def significance(probabilities: Tensor, mask: Tensor) -> Tensor:
    """Return the attention [B, T] that each token receives, summed over heads and queries (section 3.2).

    ``probabilities`` are [B, A, T, T]. Padding, where the bool mask [B, T] is False, is no query, and receives 0.
    """
    # No matrix product: in mixed precision it would be rounded to bfloat16, in which many tokens are equal.
    by_query = probabilities.detach().float().sum(1)
    return (by_query * mask.unsqueeze(-1)).sum(1)


def kept(probabilities: Tensor, mask: Tensor, layer: Any) -> tuple[Tensor, Tensor]:
    """Return places [B, K] by falling significance, and which of them are among the share of their own text.

    Of n tokens the share goes on, rounded up; K is that of the padded length. The order does not matter to the layers
    above, except that [CLS] stays first and padding, or what is as little significant, is last.
    """
    import torch
    from torch.nn import functional as F

    length = mask.shape[1]
    scores = F.pad(significance(probabilities, mask)[:, 1:], (1, 0), value=FIRST)[:, :length]
    counts = torch.ceil(mask.sum(1, keepdim=True).float() * share(layer))
    largest = int(torch.ceil(torch.tensor(float(length)) * share(layer)))
    places = scores.argsort(dim=1, descending=True, stable=True)[:, :largest]
    return places, torch.arange(largest, device=mask.device) < counts


def emitted(graph: GraphBuilder, probabilities: str, tokens: Pooling, layer: Any) -> tuple[str, str]:
    """Add the same to a graph; the number of vectors follows from the shape of the input."""
    from onnx import TensorProto

    ratio = graph.constant(np.array(share(layer), np.float32))
    received = graph.op("MatMul", tokens.row, graph.op("ReduceSum", probabilities, graph.integers(1), keepdims=0))
    others = graph.op("Slice", received, graph.integers(1), graph.integers(np.iinfo(np.int64).max), graph.integers(2))
    front = graph.integers(0, 0, 1, 0, 0, 0)
    scores = graph.op("Pad", others, front, graph.constant(np.array(FIRST, np.float32)))
    length = graph.op("Cast", graph.op("Shape", tokens.row, start=2), to=TensorProto.FLOAT)
    largest = graph.op("Ceil", graph.op("Mul", length, ratio))
    _, places = graph.ops("TopK", [scores, graph.op("Cast", largest, to=TensorProto.INT64)], 2)
    zero, one = (graph.constant(np.array(number, np.float32)) for number in (0, 1))
    ranks = graph.op("Range", zero, graph.op("Squeeze", largest), one)
    counts = graph.op("Ceil", graph.op("Mul", tokens.counts, ratio))
    mask = graph.op("Cast", graph.op("Less", ranks, counts), to=TensorProto.FLOAT)
    return graph.op("Transpose", places, perm=[0, 2, 1]), mask


ATTENTION_RECEIVED = TokenPolicy(lambda layer: share(layer) < 1.0, share, kept, emitted)
