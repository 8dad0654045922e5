"""Defines the space of early exits in the teacher's own architecture."""

from search_spaces.space import SearchSpace


class ExitsSpace(SearchSpace):
    """Varies the early exits of the teacher's own architecture: after which layers they stand, and their threshold."""

    name = "exits"
    varies = frozenset({"exits"})
