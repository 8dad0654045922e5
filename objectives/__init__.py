"""What is measured and optimised, one file each, named in ``OBJECTIVES``; and the constraints of a problem."""

from collections.abc import Sequence

from autocompress.domain.figures import Figures
from autocompress.domain.problem import Problem
from objectives.latency import LATENCY, max_latency
from objectives.memory import MEMORY, max_memory
from objectives.objective import Constraint, Objective
from objectives.quality import QUALITY, max_drop, min_quality
from objectives.size import SIZE, max_size

OBJECTIVES: dict[str, Objective] = {objective.name: objective for objective in (QUALITY, LATENCY, SIZE, MEMORY)}
DEFAULT: tuple[Objective, ...] = (QUALITY, LATENCY, SIZE)


def constraints_for(problem: Problem, teacher_quality: float | None) -> list[Constraint]:
    """The constraints that the problem sets, in a fixed order, each at most once.

    ``max_drop`` needs the teacher's validation quality (a fraction) and is left out while that is None.
    """
    asked = problem.constraints
    found: list[Constraint] = []
    if asked.max_latency_ms is not None:
        found.append(max_latency(asked.max_latency_ms, problem.target.latency_statistic))
    if asked.max_size_bytes is not None:
        found.append(max_size(asked.max_size_bytes))
    if asked.max_memory_bytes is not None:
        found.append(max_memory(asked.max_memory_bytes))
    if asked.max_drop is not None and teacher_quality is not None:
        found.append(max_drop(asked.max_drop, teacher_quality))
    if asked.min_quality is not None:
        found.append(min_quality(asked.min_quality))
    return found


def binding(constraints: Sequence[Constraint], figures: Figures) -> list[tuple[Constraint, float]]:
    """Those that ``figures`` breaks, with their relative violations, the worst first."""
    violations = [(constraint, constraint.violation(figures)) for constraint in constraints]
    return sorted((pair for pair in violations if pair[1] > 0), key=lambda pair: -pair[1])
