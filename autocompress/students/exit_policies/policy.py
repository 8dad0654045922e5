"""Defines the contract of an exit policy: a score of the outputs of heads so far, above which a text exits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from autocompress.artifact.graph import GraphBuilder


@dataclass(frozen=True)
class Thresholds:
    """The thresholds of a search: the trial's ``parameter`` is ``low``, ``low + step``, ..., ``high``.

    Any threshold above 0 and below ``bound`` is valid outside of searches.
    """

    parameter: str
    low: float
    high: float
    step: float
    bound: float = 1.0

    @cached_property
    def values(self) -> tuple[float, ...]:
        """The thresholds to choose from, increasing."""
        count = round((self.high - self.low) / self.step) + 1
        return tuple(round(self.low + self.step * place, 2) for place in range(count))


def one_head(threshold: float) -> int:
    """Return 1: the ``heads_needed`` of policies that score the outputs of one head."""
    return 1


@dataclass(frozen=True)
class ExitPolicy:
    """One exit policy, for both the emitter and the functions that predict where requests exit.

    ``scores`` maps the outputs [heads, .., C] of the heads so far, those of the exits from the first to this one, to
    the scores [..] at this exit. ``emitted`` adds the scores [batch] to a graph and returns their name; it takes the
    names of the same heads' logits [batch, C], and C. The outputs of a regression are in units of the standard
    deviation of the teacher's. A request exits where the scores of all its texts are above the threshold, one of
    ``thresholds``.

    ``label`` is the threshold as text for descriptions. ``eagerness`` tells, from 0 to 1, how early texts exit at a
    threshold, for the surrogate. ``heads_needed`` is the number of heads at which a score can first be above it, and
    ``fewest_outputs`` and ``most_outputs`` are the C between which the policy is worth a search; a regression's is 1.
    ``reads_earlier`` tells whether a score depends on other heads than the last.
    """

    scores: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    emitted: Callable[[GraphBuilder, Sequence[str], int], str]
    thresholds: Thresholds
    label: Callable[[float], str]
    eagerness: Callable[[float], float]
    heads_needed: Callable[[float], int] = one_head
    fewest_outputs: int = 2
    most_outputs: float = inf
    reads_earlier: bool = False

    def within(self, threshold: float, exits: int) -> float | None:
        """Return the largest threshold of a search, at most this one, that a score at ``exits`` exits can be above.

        None if there is none.
        """
        fitting = (each for each in self.thresholds.values if each <= threshold and self.heads_needed(each) <= exits)
        return max(fitting, default=None)

    def suits(self, num_outputs: int, exits: int) -> bool:
        """Return whether a search with that many outputs, and at most that many exits, may choose the policy."""
        fitting = self.fewest_outputs <= num_outputs <= self.most_outputs
        return fitting and self.within(self.thresholds.low, exits) is not None
