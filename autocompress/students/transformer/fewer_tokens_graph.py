"""Emits attention after which only some of the word vectors go on, as the layer's policy of tokens says."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from autocompress.artifact.blocks import Pooling
from autocompress.artifact.graph import GraphBuilder
from autocompress.students.attention_forms import attention_of
from autocompress.students.attention_forms.heads import emitted_context
from autocompress.students.token_policies import tokens_of, unreadable


class KeptTokens(Pooling):
    """Means over the vectors that are left, whose float32 mask is ``row [batch, 1, K]``, a value of ``graph``."""

    def __init__(self, graph: GraphBuilder, row: str) -> None:
        super().__init__(graph)
        self._root, self.row = graph, row

    @cached_property
    def mask(self) -> str:
        """The mask as float32, ``[batch, K]``."""
        return self._root.op("Squeeze", self.row, self._root.integers(1))


def emit_fewer_tokens(
    graph: GraphBuilder, x: str, parts: Sequence[str], tokens: Pooling, layer: Any, head_size: int
) -> tuple[str, str, Pooling]:
    """Add the vectors of ``x`` that go on, and their contexts; return their names and the tokens that are left.

    ``parts`` are the names of query, key and value. Nodes that read the tokens stand in ``graph`` or in its branches.
    """
    form, policy = attention_of(layer), tokens_of(layer)
    if form.emitted_probabilities is None or policy is None:
        raise unreadable(layer)
    sizes = layer.num_attention_heads, head_size
    shares = form.emitted_probabilities(graph, parts[:2], tokens.row, sizes)
    context = emitted_context(graph, shares, parts[2], sizes)
    places, row = policy.emitted(graph, shares, tokens, layer)
    kept = [graph.op("GatherND", vectors, places, batch_dims=1) for vectors in (x, context)]
    return kept[0], kept[1], KeptTokens(graph, row)
