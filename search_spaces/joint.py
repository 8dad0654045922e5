"""Defines the joint space, in which every aspect varies."""

from search_spaces.space import SearchSpace


class JointSpace(SearchSpace):
    """Varies every aspect at once: architecture, precision, sparsity, student type and early exits."""

    name = "joint"
    varies = frozenset({"architecture", "precision", "sparsity", "student", "exits"})
