"""Defines a categorical parameter of a trial, and a trial that draws its values at random."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from autocompress.system.errors import InputError

Value = bool | int | float | str
T = TypeVar("T", bool, int, float, str)


class Trial(Protocol):
    """The suggest methods of ``optuna.Trial`` that a search space calls."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Return one of ``choices``."""

    def suggest_float(self, name: str, low: float, high: float, *, step: float | None = None) -> float:
        """Return a number of the grid ``low``, ``low + step``, ..., ``high``."""


class RandomTrial:
    """Stands in for an ``optuna.Trial``: parameters in ``fixed`` have those values, others are drawn uniformly.

    Without ``rng`` the seed is 0.

    >>> RandomTrial(None, {"hidden_size": 128}).suggest_categorical("hidden_size", (64, 128, 256))
    128
    """

    def __init__(self, rng: np.random.Generator | None, fixed: Mapping[str, Value] | None = None) -> None:
        self._rng = np.random.default_rng(0) if rng is None else rng
        self._fixed = dict(fixed or {})

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Return the fixed value, or one of ``choices``."""
        return self._fixed[name] if name in self._fixed else choices[int(self._rng.integers(len(choices)))]

    def suggest_float(self, name: str, low: float, high: float, *, step: float | None = None) -> float:
        """Return the fixed value, or a number of the grid (without ``step``, of the whole interval)."""
        if name in self._fixed:
            return float(self._fixed[name])
        if step is None:
            return float(self._rng.uniform(low, high))
        return low + step * int(self._rng.integers(round((high - low) / step) + 1))


@dataclass(frozen=True)
class Choice(Generic[T]):
    """A categorical parameter: ``name`` has one of ``options``; with a single option it is a constant.

    A trial is asked only for parameters that have several options. ``smallest`` is the option that gives the smallest
    and fastest model.

    >>> hidden_size = Choice("hidden_size", (64, 128, 256), smallest=64)
    >>> hidden_size.suggest(RandomTrial(None, {"hidden_size": 128}))
    128
    >>> parameters = {}
    >>> hidden_size.record(parameters, 256)
    >>> Choice("num_layers", (2,), smallest=2).record(parameters, 2)
    >>> parameters
    {'hidden_size': 256}
    """

    name: str
    options: tuple[T, ...]
    smallest: T

    def suggest(self, trial: Trial) -> T:
        """Return the option that the trial suggests, or the only one."""
        if len(self.options) == 1:
            return self.options[0]
        value: T = trial.suggest_categorical(self.name, self.options)
        return value

    def record(self, parameters: MutableMapping[str, Value], value: T) -> None:
        """Add the parameter with which ``suggest`` returns ``value``; InputError if ``value`` is not an option.

        Nothing is added for a constant.
        """
        if value not in self.options:
            raise InputError(f"{self.name} must be one of {list(self.options)} in this space, but got {value!r}")
        if len(self.options) > 1:
            parameters[self.name] = value


def scaled(total: int, fraction: float, multiple: int = 32) -> int:
    """Round ``total * fraction`` to a multiple of ``multiple``: at least one multiple, at most ``total``.

    >>> scaled(384, 1 / 2), scaled(384, 1 / 100), scaled(12, 1 / 3, multiple=1)
    (192, 32, 4)
    """
    return min(total, max(multiple, round(total * fraction / multiple) * multiple)) if fraction < 1 else total


def scaled_sizes(total: int, fractions: Iterable[float], multiple: int = 32) -> tuple[int, ...]:
    """Return the distinct ``scaled`` sizes of several fractions, in increasing order.

    >>> scaled_sizes(384, (1 / 3, 1 / 2, 2 / 3, 1))
    (128, 192, 256, 384)
    """
    return tuple(sorted({scaled(total, fraction, multiple) for fraction in fractions}))
