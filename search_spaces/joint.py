"""Everything at once: architecture, precision, sparsity, student type and early exits."""

from search_spaces.space import SearchSpace


class JointSpace(SearchSpace):
    """Everything at once: architecture, precision, sparsity, student type and early exits."""

    name = "joint"
    varies = frozenset({"architecture", "precision", "sparsity", "student", "exits"})
