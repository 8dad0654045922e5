"""What a search optimises and what it must keep to, read from measured figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from autocompress.errors import InputError
from autocompress.exploration.pareto import DIRECTIONS, Direction
from autocompress.figures import Figures

FAILED = "failed"


@dataclass(frozen=True)
class Objective:
    """A measured ``value`` to maximize or minimize; ``unit`` is for people."""

    name: str
    direction: Direction
    unit: str
    value: Callable[[Figures], float]

    def __post_init__(self) -> None:
        if self.direction not in DIRECTIONS:
            raise InputError(f"a direction is one of {', '.join(DIRECTIONS)}, but got {self.direction!r}")


@dataclass(frozen=True)
class Constraint:
    """A bound; ``violation`` is at most 0 where it is met, and relative to the bound (0.1 is 10% beyond it)."""

    name: str
    bound: float
    violation: Callable[[Figures], float]

    def __post_init__(self) -> None:
        if self.name == FAILED:
            raise InputError(f"a constraint must not be named {FAILED!r}, which marks failed trials; rename it")
