"""Computes the quality and mean depth of every placement and threshold of early exits from stored outputs.

The outputs of a head after each layer determine each exit's answer and score, so the encoder need not run again and a
whole sweep takes a second (survey 3.5; thresholds set on validation outputs as in DeeBERT, Xin et al. 2020).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from autocompress.students.exit_policies import EXIT_POLICIES, ExitScores
from autocompress.students.transformer.configuration import ExitConfiguration
from autocompress.trials.pareto import non_dominated

MOST_EXITS = 2
"""Largest number of exits in a configuration of the sweep."""


@dataclass(frozen=True)
class Swept:
    """Describes an encoder of the lowest ``depth`` layers with early exits, or without where ``exit`` is None.

    ``quality`` is that of its answers, ``mean_layers`` the number of layers that a request passes on average.
    """

    depth: int
    exit: ExitConfiguration | None
    quality: float
    mean_layers: float


def sweep(
    outputs: NDArray[np.float32],
    quality: Callable[[NDArray[np.float32]], float],
    thresholds: Mapping[str, Sequence[float]],
    batch_size: int = 1,
    scale: float = 1.0,
) -> list[Swept]:
    """Return the non-dominated depths and exits, of at most ``MOST_EXITS`` exits, in decreasing order of mean layers.

    ``outputs`` [layers, n, C] are those after each layer on n texts; ``quality`` takes outputs [m, C] of the first m
    texts, which are those in full requests. ``thresholds`` are those to try for each policy; without policies there
    are no exits, and they read outputs divided by ``scale``. Of entries with equal figures the one of the fewest layers
    and exits is kept.
    """
    scores = ExitScores(outputs, batch_size, scale)
    rows = np.arange(scores.requests * batch_size)
    found: dict[tuple[float, float], Swept] = {}
    for depth, exit_ in _rules(len(outputs), thresholds):
        leaving = np.full(scores.requests, depth - 1)
        if exit_ is not None:
            at = scores.at(EXIT_POLICIES[exit_.policy], exit_.layers)
            for layer, score in zip(reversed(exit_.layers), at[::-1], strict=True):
                leaving[score > exit_.threshold] = layer
        figures = quality(outputs[np.repeat(leaving, batch_size), rows]), float(leaving.mean()) + 1.0
        found.setdefault(figures, Swept(depth, exit_, *figures))
    kept = non_dominated(list(found), ("maximize", "minimize"))
    front = [each for each, stays in zip(found.values(), kept, strict=True) if stays]
    return sorted(front, key=lambda each: -each.mean_layers)


def cheapest(front: Sequence[Swept], qualities: Sequence[float]) -> list[Swept]:
    """Return for each of ``qualities`` the member of fewest mean layers that reaches it, without duplicates."""
    found: list[Swept] = []
    for least in qualities:
        good = [each for each in front if each.quality >= least]
        best = min(good, key=lambda each: each.mean_layers, default=None)
        if best is not None and best not in found:
            found.append(best)
    return found


def _rules(layers: int, thresholds: Mapping[str, Sequence[float]]) -> Iterator[tuple[int, ExitConfiguration | None]]:
    """Yield every depth without exits, and with every placement of 1 to ``MOST_EXITS`` exits at every threshold."""
    for depth in range(1, layers + 1):
        yield depth, None
        for count in range(1, MOST_EXITS + 1):
            for places in combinations(range(depth - 1), count):
                for policy, values in thresholds.items():
                    for threshold in values:
                        if count >= EXIT_POLICIES[policy].heads_needed(threshold):
                            yield depth, ExitConfiguration(places, threshold, policy)
