"""Peak resident bytes of a process that serves the file: the runtime, the weights as loaded, and the work space."""

from dataclasses import dataclass

from autocompress.domain.figures import Figures
from objectives.objective import Constraint, Objective


def memory_bytes(figures: Figures) -> float:
    """Bytes, lower is better."""
    return float(figures.memory_bytes)


@dataclass(frozen=True)
class AboveMemory:
    """How far the memory is above ``bound_bytes``, relative to it; at most 0 where it is kept."""

    bound_bytes: int

    def __call__(self, figures: Figures) -> float:
        """The relative violation."""
        return memory_bytes(figures) / self.bound_bytes - 1


def max_memory(bound_bytes: int) -> Constraint:
    """At most ``bound_bytes``."""
    return Constraint("max_memory", float(bound_bytes), AboveMemory(bound_bytes))


MEMORY = Objective("memory", "minimize", "bytes", memory_bytes)
"""Recorded in every trial and not optimised by default."""
