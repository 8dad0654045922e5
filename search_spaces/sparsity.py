"""Defines the space of sparsities: how many weights of each layer are pruned to zero."""

from search_spaces.space import SearchSpace


class SparsitySpace(SearchSpace):
    """Varies the fraction of zeros in the weight matrices of each layer, at 8 bits."""

    name = "sparsity"
    varies = frozenset({"sparsity"})
