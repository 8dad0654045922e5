"""Bytes of the artefact's model file, with everything it needs to run."""

from dataclasses import dataclass

from autocompress.domain.figures import Figures
from objectives.objective import Constraint, Objective


def size_bytes(figures: Figures) -> float:
    """Bytes, lower is better."""
    return float(figures.size_bytes)


@dataclass(frozen=True)
class AboveSize:
    """How far the size is above ``bound_bytes``, relative to it; at most 0 where it is kept."""

    bound_bytes: int

    def __call__(self, figures: Figures) -> float:
        """The relative violation."""
        return size_bytes(figures) / self.bound_bytes - 1


def max_size(bound_bytes: int) -> Constraint:
    """At most ``bound_bytes``."""
    return Constraint("max_size", float(bound_bytes), AboveSize(bound_bytes))


SIZE = Objective("size", "minimize", "bytes", size_bytes)
"""Lower is better."""
