"""Bits of the embeddings and of each layer's attention and feed-forward weights."""

from search_spaces.space import SearchSpace


class PrecisionSpace(SearchSpace):
    """Bits of the embeddings and of each layer's attention and feed-forward weights."""

    name = "precision"
    varies = frozenset({"precision"})
