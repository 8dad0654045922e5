"""Defines the space of student types."""

from search_spaces.space import SearchSpace


class StudentSpace(SearchSpace):
    """Varies the student type: the teacher's architecture as it is, or BiLSTMs and CNNs of several sizes, at 8 bits."""

    name = "student"
    varies = frozenset({"student"})
