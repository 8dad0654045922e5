"""Proposes configurations from models of latency, size and quality that are fitted to the measured trials.

Candidates are mutated members of the front and random configurations. The one whose predicted figures add most to the
front's hypervolume per second of its trial is proposed (surrogate-assisted evolutionary search, Jin 2011; the criterion
of SMS-EGO, Ponweiser 2008, with random optimism; per second as in Snoek 2012). Predictions only choose candidates:
reported figures are measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from autocompress.students.configuration import Configuration
from autocompress.students.costs import latency_prior, latency_terms, size_prior, size_terms
from autocompress.students.exit_policies import ExitScores
from autocompress.students.features import quality_features
from autocompress.trials.acquisition import box_points, improvements
from autocompress.trials.cost_model import fit_weights
from autocompress.trials.history import History, Point
from autocompress.trials.quality_model import MOST, QualityModel, from_log_loss, log_loss
from search_spaces import SearchSpace

Array = NDArray[np.float64]
NUM_INITIAL_DESIGNS = 6
"""Initial designs of the search space that are measured before any proposal."""
TRIAL_S = 0.8
"""Seconds of a trial apart from serving requests."""
NEIGHBOURS, RANDOM = 160, 40
RATES = (0.03, 0.1, 0.3)
OPTIMISM = (0.0, 0.5, 1.0)
"""Standard deviations of the log loss by which quality is predicted better than its mean; drawn per proposal."""


@dataclass(frozen=True)
class Region:
    """Bounds the hypervolume: points count above ``quality`` (a fraction) and below the other limits.

    Latency and size are bounded by the first trial's figures too.
    """

    quality: float
    latency_ms: float = np.inf
    size_bytes: float = np.inf


@dataclass(frozen=True, eq=False)
class Origins:
    """Tells from which prepared weights a configuration is cut, its source.

    ``source_of`` returns the name of a configuration's source, and ``has`` whether that source is prepared; others are
    not proposed. ``confidences`` holds, by source, the exit scores on validation texts.
    """

    source_of: Callable[[Configuration], str]
    confidences: Mapping[str, ExitScores]
    has: Callable[[str], bool] = lambda source: True


NO_ORIGINS = Origins(lambda configuration: configuration.student, {})


class Surrogate:
    """Proposes configurations for one study; a proposal depends on its arguments alone, not on earlier calls."""

    def __init__(
        self,
        space: SearchSpace,
        region: Region,
        origins: Origins = NO_ORIGINS,
        requests: int = 0,
        designs: Sequence[Configuration] = (),
    ) -> None:
        """Take what proposals depend on besides the measured points.

        ``requests`` is the number of requests that a trial serves to measure quality, which predicts its seconds.
        ``designs`` are measured after the first ``NUM_INITIAL_DESIGNS`` designs of the space.
        """
        self._space = space
        self._requests = requests
        self._region = region
        self._describe = lru_cache(maxsize=4096)(self._described)
        self._origins = origins
        self._designs = [design for design in designs if design in space]
        self._history = History(region.quality, MOST)
        self._threads = ThreadpoolController()

    def initial_designs(self) -> list[Configuration]:
        """Return the designs to measure before any proposal; other designs of the space are candidates later."""
        return [*self._space.initial_designs()[:NUM_INITIAL_DESIGNS], *self._designs]

    def propose(
        self,
        measured: Sequence[Point],
        pending: Sequence[Configuration],
        is_known: Callable[[Configuration], bool],
        seed: int,
    ) -> Point | None:
        """Return a configuration for which ``is_known`` is False, with its predicted figures; None if there is none.

        ``measured`` are the points of finished trials in their order, ``pending`` configurations that are being
        measured, whose predicted figures count as members of the front.
        """
        rng = np.random.default_rng(seed)
        self._history.follow(measured)
        drawn = dict.fromkeys(self._candidates(rng))
        prepared = {source: self._origins.has(source) for source in map(self._origins.source_of, drawn)}
        candidates = [each for each in drawn if prepared[self._origins.source_of(each)] and not is_known(each)]
        if not candidates:
            return None
        every = [*candidates, *pending]
        # Builders keep the cores busy, and threads that wait for each other take far longer there than a single one.
        with self._threads.limit(limits=1):
            figures, deviations, top = self._predicted(every)
        count = len(candidates)
        hopeful = figures.copy()
        hopeful[:count, 0] = _hopeful(figures[:count, 0], deviations[:count], top, float(rng.choice(OPTIMISM)))
        known = np.concatenate([self._history.front.figures, figures[count:]])
        gains = self._gains(hopeful[:count], known, seed)
        gains /= TRIAL_S + self._requests * figures[:count, 1] / 1000
        best = int(np.argmax(gains)) if gains.any() else int(np.argmax(hopeful[:count, 0]))
        return Point(candidates[best], *map(float, figures[best]))

    def _candidates(self, rng: np.random.Generator) -> Iterable[Configuration]:
        """Yield mutations and crossovers of the front's members, then initial designs and random configurations."""
        front = [point.configuration for point in self._history.front.points]
        for _ in range(NEIGHBOURS if front else 0):
            parent = front[int(rng.integers(len(front)))]
            partners = [member for member in front if member.student == parent.student]
            other = partners[int(rng.integers(len(partners)))] if rng.random() < 0.5 else None
            yield self._space.mutated(parent, rng, float(rng.choice(RATES)), other)
        yield from self._space.initial_designs()
        for _ in range(RANDOM):
            yield self._space.sample(rng)

    def _predicted(self, configurations: Sequence[Configuration]) -> tuple[Array, Array, float]:
        """Predict quality, latency (ms) and size (bytes), [n, 3], and the standard deviations [n] of the log loss.

        The last value is the quality against which losses are taken: the best measured one, or 1.0 without any.
        """
        figures, deviations = np.zeros((len(configurations), 3)), np.zeros(len(configurations))
        top = self._history.top if self._history.first else 1.0
        for student in {configuration.student for configuration in configurations}:
            rows = [i for i, configuration in enumerate(configurations) if configuration.student == student]
            known = self._history.window(student)
            queries = self._terms([configurations[i] for i in rows])
            inputs = self._terms([point.configuration for point in known])
            model = QualityModel(inputs[2], np.array([point.quality for point in known]), top)
            loss, deviations[rows] = model.predict(queries[2])
            figures[rows, 0] = from_log_loss(loss, top)
            latency, size = (np.array([[p.latency_ms, p.size_bytes] for p in known]).reshape(-1, 2)).T
            figures[rows, 1] = queries[0] @ fit_weights(inputs[0], latency, latency_prior(student))
            figures[rows, 2] = queries[1] @ fit_weights(inputs[1], size, size_prior())
        return figures, deviations, top

    def _terms(self, configurations: Sequence[Configuration]) -> tuple[Array, Array, Array]:
        """Return latency terms, size terms and quality features, one row for each configuration."""
        columns = list(zip(*map(self._describe, configurations), strict=True)) or [(), (), ()]
        latency, size, quality = (np.array(column) for column in columns)
        return latency, size, quality

    def _described(self, configuration: Configuration) -> tuple[Array, Array, Array]:
        shape, source = self._space.shape, self._origins.source_of(configuration)
        confidences = self._origins.confidences.get(source)
        return (
            latency_terms(configuration, shape, confidences),
            size_terms(configuration, shape),
            quality_features(configuration, shape, confidences, own_network=source == configuration.student),
        )

    def _gains(self, candidates: Array, known: Array, seed: int) -> Array:
        """Return by how much each candidate [n, 3] increases the hypervolume of the figures ``known`` [k, 3].

        It is the share of random points in the region, in quality and the logarithms of latency and size.
        """
        region, first = self._region, self._history.first
        latency_ms, size_bytes = (first.latency_ms, first.size_bytes) if first else candidates.max(axis=0)[1:]
        worst = np.array([region.quality, min(latency_ms, region.latency_ms), min(size_bytes, region.size_bytes)])
        costs, front = _costs(candidates), _costs(known) if len(known) else np.empty((0, 3))
        high = _costs(worst[None])[0]
        low = np.minimum(np.concatenate([costs, front]).min(axis=0), high - 1e-9)
        inside = front[(front < high).all(axis=1)]
        return improvements(costs, inside, box_points(low, high, seed))


def _hopeful(quality: Array, deviations: Array, top: float, optimism: float) -> Array:
    """Return the quality [n] whose log loss is ``optimism`` standard deviations below the predicted one."""
    return from_log_loss(log_loss(quality, top) - optimism * deviations, top)


def _costs(figures: Array) -> Array:
    """Turn quality, latency and size [n, 3] into costs: negative quality, and logarithms of the others."""
    return np.stack([-figures[:, 0], np.log(figures[:, 1]), np.log(figures[:, 2])], axis=1)
