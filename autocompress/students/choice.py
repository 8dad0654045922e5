"""Defines one parameter of a trial with its options, and trials that answer for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from autocompress.system.errors import InputError

Value = bool | int | float | str
T = TypeVar("T", bool, int, float, str)


class Trial(Protocol):
    """What a search space asks of a trial: the suggest methods of ``optuna.Trial`` that it uses."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """One of ``choices``."""

    def suggest_float(self, name: str, low: float, high: float, *, step: float | None = None) -> float:
        """A number of the grid ``low``, ``low + step``, ..., ``high``."""


class RandomTrial:
    """Answers every suggestion uniformly at random, but those in ``fixed``."""

    def __init__(self, rng: np.random.Generator | None, fixed: Mapping[str, Value] | None = None) -> None:
        self._rng = np.random.default_rng(0) if rng is None else rng
        self._fixed = dict(fixed or {})

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """The fixed value, or one of ``choices``."""
        return self._fixed[name] if name in self._fixed else choices[int(self._rng.integers(len(choices)))]

    def suggest_float(self, name: str, low: float, high: float, *, step: float | None = None) -> float:
        """The fixed value, or a number of the grid (or of the interval, where ``step`` is None)."""
        if name in self._fixed:
            return float(self._fixed[name])
        if step is None:
            return float(self._rng.uniform(low, high))
        return low + step * int(self._rng.integers(round((high - low) / step) + 1))


@dataclass(frozen=True)
class Choice(Generic[T]):
    """A parameter ``name`` with one of ``options``; a single option is a constant and no parameter of a trial.

    ``smallest`` is the option that makes the smallest and fastest model.
    """

    name: str
    options: tuple[T, ...]
    smallest: T

    def suggest(self, trial: Trial) -> T:
        """The value the trial chooses."""
        if len(self.options) == 1:
            return self.options[0]
        value: T = trial.suggest_categorical(self.name, self.options)
        return value

    def record(self, parameters: MutableMapping[str, Value], value: T) -> None:
        """Set the parameter that makes ``suggest`` give ``value``; InputError if ``value`` is not an option."""
        if value not in self.options:
            raise InputError(f"{self.name} must be one of {list(self.options)} in this space, but got {value!r}")
        if len(self.options) > 1:
            parameters[self.name] = value


def scaled(total: int, fraction: float, multiple: int = 32) -> int:
    """``total * fraction`` rounded to a multiple of ``multiple``, at least one multiple, never above ``total``."""
    return min(total, max(multiple, round(total * fraction / multiple) * multiple)) if fraction < 1 else total


def scaled_sizes(total: int, fractions: Iterable[float], multiple: int = 32) -> tuple[int, ...]:
    """The distinct ``scaled`` sizes, increasing."""
    return tuple(sorted({scaled(total, fraction, multiple) for fraction in fractions}))
