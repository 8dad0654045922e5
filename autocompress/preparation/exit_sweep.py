"""Judges every placement and threshold of early exits from known outputs, without a new pass over the texts.

The outputs after each layer say what each exit would have answered and how sure it would have been, so a whole sweep
takes a second (survey 3.5; thresholds set on validation outputs as in DeeBERT, Xin et al. 2020).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from autocompress.students.exit_policies import EXIT_POLICIES
from autocompress.students.transformer.configuration import CONFIDENCE, ExitConfiguration
from autocompress.trials.pareto import non_dominated

MOST_EXITS = 2


@dataclass(frozen=True)
class Swept:
    """The lowest ``depth`` layers with an exit rule: its quality, and the layers that a request passes on average."""

    depth: int
    exit: ExitConfiguration | None
    quality: float
    mean_layers: float


def confidences_of(outputs: NDArray[np.float32], batch_size: int, policy: str = CONFIDENCE) -> NDArray[np.float32]:
    """Scores [layers, requests] of outputs [layers, n, C] by an exit policy: a request has its least sure text's."""
    whole = outputs.shape[1] // batch_size * batch_size
    return np.asarray(
        EXIT_POLICIES[policy].scores(outputs[:, :whole]).reshape(len(outputs), -1, batch_size).min(axis=2), np.float32
    )


def sweep(
    outputs: NDArray[np.float32],
    quality: Callable[[NDArray[np.float32]], float],
    thresholds: Sequence[float],
    batch_size: int = 1,
    policy: str | None = CONFIDENCE,
) -> list[Swept]:
    """The non-dominated exit rules of at most ``MOST_EXITS`` exits, and ends without any, most layers first.

    ``outputs`` [layers, n, C] are those after each layer on n texts; ``quality`` judges outputs [m, C] of the first m
    of them, as many as there are in whole requests. Without ``thresholds`` or a ``policy`` nothing exits. Of equal
    rules the one of the fewest layers and exits stays.
    """
    requests = outputs.shape[1] // batch_size
    sure = np.zeros((len(outputs), requests)) if policy is None else confidences_of(outputs, batch_size, policy)
    rows = np.arange(requests * batch_size)
    found: dict[tuple[float, float], Swept] = {}
    for depth, exit_ in _rules(len(outputs), thresholds, policy):
        leaving = np.full(requests, depth - 1)
        for layer in reversed(exit_.layers if exit_ is not None else ()):
            assert exit_ is not None
            leaving[sure[layer] > exit_.threshold] = layer
        figures = quality(outputs[np.repeat(leaving, batch_size), rows]), float(leaving.mean()) + 1.0
        found.setdefault(figures, Swept(depth, exit_, *figures))
    kept = non_dominated(list(found), ("maximize", "minimize"))
    front = [each for each, stays in zip(found.values(), kept, strict=True) if stays]
    return sorted(front, key=lambda each: -each.mean_layers)


def cheapest(front: Sequence[Swept], qualities: Sequence[float]) -> list[Swept]:
    """For each of ``qualities`` the member of fewest layers that reaches it, each once."""
    found: list[Swept] = []
    for asked in qualities:
        good = [each for each in front if each.quality >= asked]
        best = min(good, key=lambda each: each.mean_layers, default=None)
        if best is not None and best not in found:
            found.append(best)
    return found


def _rules(
    layers: int, thresholds: Sequence[float], policy: str | None
) -> Iterator[tuple[int, ExitConfiguration | None]]:
    for depth in range(1, layers + 1):
        yield depth, None
        if policy is None:
            continue
        for count in range(1, MOST_EXITS + 1):
            for places in combinations(range(depth - 1), count):
                for threshold in thresholds:
                    yield depth, ExitConfiguration(places, threshold, policy)
