"""Defines the contract of a form of attention: how it is computed in torch and in the ONNX graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from autocompress.artifact.graph import GraphBuilder


@dataclass(frozen=True)
class AttentionForm:
    """One form of attention, for both the elastic encoder and the emitter.

    ``applies`` tells whether a layer's configuration asks for it. ``mixed`` returns the context [B, A, T, d] of query,
    key and value [B, A, T, d] under the bool mask [B, 1, 1, T] (True = token); to the scaled scores it adds a bias
    [1, A, T, T] by relative position, if one is given. ``emitted`` adds the same to a graph: it takes the graph, the
    names of the projected query, key and value [batch, tokens, A * d], the name of the int32 mask [batch, sequence],
    the number of heads A and the bias's name (empty without one), and returns the output's name. Its query, and with it
    the bias [1, A, 1, T], may hold the first token only.

    A form whose probabilities a policy of tokens can read has two more. ``probabilities`` returns those of query, key
    and mask, float32 [B, A, T, T]; the context is their product with the value. ``emitted_probabilities`` adds them to
    a graph: it takes the graph, the names of query and key, the name of the float32 mask [batch, 1, tokens] and (A, d).
    """

    applies: Callable[[Any], bool]
    mixed: Callable[[Tensor, Tensor, Tensor, Tensor, Tensor | None], Tensor]
    emitted: Callable[[GraphBuilder, Sequence[str], str, int, str], str]
    probabilities: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None
    emitted_probabilities: Callable[[GraphBuilder, Sequence[str], str, tuple[int, int]], str] | None = None
