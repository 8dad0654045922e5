"""Splits projected vectors into attention heads in a graph, and joins the heads' contexts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autocompress.artifact.graph import GraphBuilder


def split_heads(graph: GraphBuilder, x: str, sizes: tuple[int, int], axes: Sequence[int] = (0, 2, 1, 3)) -> str:
    """Add ``x [batch, tokens, A * d]`` by heads of ``sizes`` (A, d), ``[batch, A, tokens, d]`` with the usual axes.

    ``axes`` is the order of the four axes batch, tokens, A and d.
    """
    return graph.op("Transpose", graph.op("Reshape", x, graph.integers(0, 0, *sizes)), perm=list(axes))


def emitted_context(graph: GraphBuilder, probabilities: str, value: str, sizes: tuple[int, int]) -> str:
    """Add the context ``[batch, queries, A * d]`` of ``probabilities [batch, A, queries, tokens]``.

    ``value`` is the name of the projected values [batch, tokens, A * d], and ``sizes`` is (A, d).
    """
    mixed = graph.op("MatMul", probabilities, split_heads(graph, value, sizes))
    joined = graph.op("Transpose", mixed, perm=[0, 2, 1, 3])
    return graph.op("Reshape", joined, graph.integers(0, 0, sizes[0] * sizes[1]))
