"""Layers kept, hidden size, heads and neurons per layer, and vocabulary size; 8 bits everywhere."""

from search_spaces.space import SearchSpace


class ArchitectureSpace(SearchSpace):
    """Layers kept, hidden size, heads and neurons per layer, and vocabulary size; 8 bits everywhere."""

    name = "architecture"
    varies = frozenset({"architecture"})
