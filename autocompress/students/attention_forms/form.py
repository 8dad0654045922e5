"""Defines the contract of a form of attention: how tokens are mixed, in torch and in the graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from autocompress.artifact.graph import GraphBuilder


@dataclass(frozen=True)
class AttentionForm:
    """One form, used by the elastic encoder and the emitter alike.

    ``applies`` says whether a layer's configuration asks for it. ``mixed`` gives [B, A, T, d] of query, key and value
    [B, A, T, d] and the bool mask [B, 1, 1, T] of the tokens that count. ``emitted`` adds to a graph the same of
    projections [batch, tokens, A * d], with an int32 mask [batch, sequence], for a number of heads, and returns the
    output's name; the query may be that of the first token alone.
    """

    applies: Callable[[Any], bool]
    mixed: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
    emitted: Callable[[GraphBuilder, Sequence[str], str, int], str]
