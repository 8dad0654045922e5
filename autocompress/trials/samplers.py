"""Name the Optuna samplers, and make one for each ask from a seed of its own: no random state has to survive a crash.

Optuna is imported when a sampler is made: the names in ``SAMPLERS`` are known without it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from autocompress.system.errors import InputError

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

POPULATION = 20


def _tpe(seed: int) -> BaseSampler:
    """Return a tree-structured Parzen estimator (Bergstra 2011; MOTPE, Ozaki 2022).

    It is joint within each set of conditions (``multivariate`` and ``group``).
    """
    from optuna.exceptions import ExperimentalWarning
    from optuna.samplers import TPESampler

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return TPESampler(multivariate=True, group=True, seed=seed)


def _nsga2(seed: int) -> BaseSampler:
    """Return NSGA-II (Deb 2002) with constrained domination."""
    from optuna.samplers import NSGAIISampler

    return NSGAIISampler(population_size=POPULATION, seed=seed)


def _random(seed: int) -> BaseSampler:
    """Return a sampler that draws every parameter uniformly and independently."""
    from optuna.samplers import RandomSampler

    return RandomSampler(seed=seed)


SURROGATE = "surrogate"
SAMPLERS: dict[str, Callable[[int], BaseSampler]] = {
    SURROGATE: _random,
    "tpe": _tpe,
    "nsga2": _nsga2,
    "random": _random,
}
"""Makes a sampler from a seed. ``surrogate`` proposes whole configurations itself (surrogate.py); Optuna stores them,
and draws at random where the surrogate has no proposal."""


def fresh_sampler(name: str, seed: int, asked: int) -> BaseSampler:
    """Return the sampler for the ask after ``asked`` others: the same in an interrupted and an uninterrupted study.

    Raises InputError for an unknown name.
    """
    if name not in SAMPLERS:
        raise InputError(f"sampler must be one of {', '.join(SAMPLERS)}, but got {name!r}")
    return SAMPLERS[name](ask_seed(seed, asked))


def ask_seed(seed: int, asked: int) -> int:
    """Derive a 32-bit seed for one ask from the study's seed and the number of asks before it."""
    return int(np.random.SeedSequence([seed, asked]).generate_state(1)[0])
