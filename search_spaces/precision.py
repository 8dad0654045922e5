"""Defines the space of precisions: bits per weight of the teacher's own architecture."""

from search_spaces.space import SearchSpace


class PrecisionSpace(SearchSpace):
    """Varies the bits per weight of the embeddings and of each layer's attention and feed-forward matrices."""

    name = "precision"
    varies = frozenset({"precision"})
