"""Define an objective: a measured value that a search maximizes or minimizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from autocompress.domain.figures import Figures
from autocompress.system.errors import InputError
from objectives.unit import Unit

Direction = Literal["maximize", "minimize"]
DIRECTIONS = get_args(Direction)


@dataclass(frozen=True)
class Objective:
    """A value read from measured figures, with its direction as in Optuna.

    ``is_quality`` marks what further training of the same configuration can improve (what a model answers); the other
    objectives are costs, which the configuration alone decides. Raises InputError for an unknown direction.
    """

    name: str
    direction: Direction
    unit: Unit
    value: Callable[[Figures], float]
    is_quality: bool = False

    def __post_init__(self) -> None:
        if self.direction not in DIRECTIONS:
            raise InputError(f"a direction is one of {', '.join(DIRECTIONS)}, but got {self.direction!r}")
