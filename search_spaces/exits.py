"""Defines the space of early exits in the teacher's own architecture."""

from search_spaces.space import SearchSpace


class ExitsSpace(SearchSpace):
    """Varies the early exits of the teacher's own architecture: their policy, layers and threshold."""

    name = "exits"
    varies = frozenset({"exits"})
