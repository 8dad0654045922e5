"""Registers the search spaces by name; each chooses which aspects of a student vary."""

from search_spaces.architecture import ArchitectureSpace
from search_spaces.exits import ExitsSpace
from search_spaces.joint import JointSpace
from search_spaces.precision import PrecisionSpace
from search_spaces.space import SearchSpace
from search_spaces.sparsity import SparsitySpace
from search_spaces.student import StudentSpace

SEARCH_SPACES: dict[str, type[SearchSpace]] = {
    space.name: space
    for space in (JointSpace, ArchitectureSpace, PrecisionSpace, SparsitySpace, StudentSpace, ExitsSpace)
}

__all__ = ["SEARCH_SPACES", "SearchSpace"]
