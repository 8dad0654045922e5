"""What is measured and optimised, one file each: the objectives by name, and the constraints by field of a problem.

Importing it loads neither torch nor Ray nor Optuna.
"""

from collections.abc import Sequence

from autocompress.domain.figures import Figures
from autocompress.domain.problem import Problem
from objectives.constraint import Constraint, ConstraintType
from objectives.latency import LATENCY, MAX_LATENCY
from objectives.memory import MAX_MEMORY, MEMORY
from objectives.objective import Objective
from objectives.quality import MAX_DROP, MIN_QUALITY, QUALITY
from objectives.size import MAX_SIZE, SIZE

OBJECTIVES: dict[str, Objective] = {objective.name: objective for objective in (QUALITY, LATENCY, SIZE, MEMORY)}
CONSTRAINTS: dict[str, ConstraintType] = {
    constraint.field: constraint for constraint in (MAX_LATENCY, MAX_SIZE, MAX_MEMORY, MAX_DROP, MIN_QUALITY)
}
"""One entry per field of ``Constraints``, in the order of reports."""
DEFAULT: tuple[Objective, ...] = (QUALITY, LATENCY, SIZE)
"""The objectives that a search optimises."""


def constraints_for(problem: Problem, teacher_quality: float | None) -> list[Constraint]:
    """Return the constraints that ``problem`` sets, in the order of ``CONSTRAINTS``.

    ``teacher_quality`` is the teacher's validation quality, a fraction; while it is None, ``max_drop`` is left out.

    >>> from autocompress.domain.problem import Constraints
    >>> problem = Problem(constraints=Constraints(max_latency_ms=20.0, max_drop=1.0))
    >>> [(constraint.name, round(constraint.bound, 3)) for constraint in constraints_for(problem, 0.907)]
    [('max_latency', 20.0), ('max_drop', 0.897)]
    >>> [constraint.name for constraint in constraints_for(problem, None)]
    ['max_latency']
    """
    found = (constraint.constraint(problem, teacher_quality) for constraint in CONSTRAINTS.values())
    return [constraint for constraint in found if constraint is not None]


def feasible(constraints: Sequence[Constraint], figures: Figures) -> bool:
    """Return whether ``figures`` meet all ``constraints``."""
    return all(constraint.violation(figures) <= 0 for constraint in constraints)


def tightest_bound(constraints: Sequence[Constraint], objective: Objective) -> float | None:
    """Return the strictest of the bounds on ``objective``, in its unit; None if none is set.

    >>> from autocompress.domain.problem import Constraints
    >>> problem = Problem(constraints=Constraints(max_drop=1.0, min_quality=0.95))
    >>> tightest_bound(constraints_for(problem, 0.9), QUALITY)
    0.95
    """
    bounding = [constraint for constraint in constraints if constraint.objective == objective]
    if not bounding:
        return None
    return bounding[0].type.side.tightest(constraint.bound for constraint in bounding)
