"""Defines the space of architectures: depth, widths, ranks and vocabulary size, at 8 bits."""

from search_spaces.space import SearchSpace


class ArchitectureSpace(SearchSpace):
    """Varies the kept layers, the hidden size, each layer's heads, neurons and rank, and the vocabulary, at 8 bits."""

    name = "architecture"
    varies = frozenset({"architecture"})
