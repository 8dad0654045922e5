"""Early exits of the teacher's architecture: where they stand and how sure they must be."""

from search_spaces.space import SearchSpace


class ExitsSpace(SearchSpace):
    """Early exits of the teacher's architecture: where they stand and how sure they must be."""

    name = "exits"
    varies = frozenset({"exits"})
