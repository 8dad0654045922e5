"""Optuna samplers by name, made fresh for every ask from its own seed: no random state has to survive a crash."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler

from autocompress.system.errors import InputError

POPULATION = 20


def _tpe(seed: int) -> BaseSampler:
    """Tree-structured Parzen estimator (Bergstra 2011; MOTPE, Ozaki 2022), joint within each set of conditions."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return TPESampler(multivariate=True, group=True, seed=seed)


def _nsga2(seed: int) -> BaseSampler:
    """NSGA-II (Deb 2002) with constrained domination."""
    return NSGAIISampler(population_size=POPULATION, seed=seed)


def _random(seed: int) -> BaseSampler:
    """Every parameter uniform and independent."""
    return RandomSampler(seed=seed)


SURROGATE = "surrogate"
SAMPLERS: dict[str, Callable[[int], BaseSampler]] = {
    SURROGATE: _random,
    "tpe": _tpe,
    "nsga2": _nsga2,
    "random": _random,
}
"""``surrogate`` proposes whole configurations itself (surrogate.py); Optuna only stores them."""


def fresh_sampler(name: str, seed: int, asked: int) -> BaseSampler:
    """The sampler for the ask after ``asked`` others, the same in an interrupted and an uninterrupted study."""
    if name not in SAMPLERS:
        raise InputError(f"sampler must be one of {', '.join(SAMPLERS)}, but got {name!r}")
    return SAMPLERS[name](ask_seed(seed, asked))


def ask_seed(seed: int, asked: int) -> int:
    """A 32-bit seed of its own for each ask."""
    return int(np.random.SeedSequence([seed, asked]).generate_state(1)[0])
