"""Defines the contract of a policy of tokens: which word vectors of a text go on after a layer's attention."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from autocompress.artifact.blocks import Pooling
    from autocompress.artifact.graph import GraphBuilder


@dataclass(frozen=True)
class TokenPolicy:
    """One policy of tokens, for the elastic encoder, the emitter and the cost terms.

    ``applies`` tells whether a layer's configuration asks for it, and ``share`` the share of tokens that go on.
    ``kept`` takes a layer's attention probabilities [B, A, T, T] (keys on the last axis), the bool mask [B, T] (True =
    token) and the layer's configuration. It returns the places int64 [B, K] of vectors, the first token's first, and
    the bool mask [B, K] of those that go on: the number of a text depends on that text alone. ``emitted`` adds the same
    to a graph: it takes the graph, the probabilities' name, the tokens that read and are read, and the layer; it
    returns the names of the places [batch, K, 1] and of the float32 mask [batch, 1, K].
    """

    applies: Callable[[Any], bool]
    share: Callable[[Any], float]
    kept: Callable[[Tensor, Tensor, Any], tuple[Tensor, Tensor]]
    emitted: Callable[[GraphBuilder, str, Pooling, Any], tuple[str, str]]
