"""Settings of a search: what is searched, and how long its jobs may take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from autocompress.system.errors import InputError
from autocompress.trials.surrogate import Surrogate
from objectives.constraint import Constraint
from objectives.objective import Objective
from search_spaces import SearchSpace


@dataclass(frozen=True)
class SearchSettings:
    """What a search asks for: with the trials of a study it decides which configuration comes next.

    ``sampler`` is one of ``SAMPLERS``; ``surrogate`` proposes configurations before the sampler is asked. ``seed`` is
    the seed of everything random.
    """

    space: SearchSpace
    objectives: Sequence[Objective]
    constraints: Sequence[Constraint]
    sampler: str
    seed: int
    surrogate: Surrogate | None = None


@dataclass(frozen=True)
class TimeLimits:
    """Seconds that a job may run, and that jobs may run on after the deadline of a search; InputError if negative."""

    job_s: float = 300.0
    overrun_s: float = 10.0

    def __post_init__(self) -> None:
        for name, seconds in (("job_s", self.job_s), ("overrun_s", self.overrun_s)):
            if not (math.isfinite(seconds) and seconds >= 0):
                raise InputError(f"{name} must be a number of seconds of at least 0, but got {seconds}")


DEFAULT_LIMITS = TimeLimits()
