"""The student type: the teacher's architecture, BiLSTMs and CNNs of several sizes; 8 bits everywhere."""

from search_spaces.space import SearchSpace


class StudentSpace(SearchSpace):
    """The student type: the teacher's architecture, BiLSTMs and CNNs of several sizes; 8 bits everywhere."""

    name = "student"
    varies = frozenset({"student"})
