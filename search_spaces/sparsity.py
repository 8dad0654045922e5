"""The fraction of zero weights of each layer."""

from search_spaces.space import SearchSpace


class SparsitySpace(SearchSpace):
    """The fraction of zero weights of each layer."""

    name = "sparsity"
    varies = frozenset({"sparsity"})
