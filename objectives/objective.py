"""What a search optimises and what it must keep to, read from measured figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from autocompress.domain.figures import Figures
from autocompress.system.errors import InputError

Direction = Literal["maximize", "minimize"]
DIRECTIONS = get_args(Direction)
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
