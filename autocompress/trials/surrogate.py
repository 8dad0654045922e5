"""Proposes what to measure next from models of latency, size and quality fitted to what was measured.

Candidates are neighbours of the front and random points; the one whose predicted figures add most to the front's
hypervolume per second of its trial is proposed (surrogate-assisted evolutionary search, Jin 2011; SMS-EGO's criterion,
Ponweiser 2008, with the optimism drawn at random; per second as in Snoek 2012). Predictions only choose: what is
reported is measured.
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
from autocompress.students.dimension import Confidences
from autocompress.students.features import quality_features
from autocompress.trials.acquisition import box_points, improvements
from autocompress.trials.cost_model import fit_weights
from autocompress.trials.history import History, Point
from autocompress.trials.quality_model import MOST, QualityModel, from_log_loss, log_loss
from search_spaces import SearchSpace

Array = NDArray[np.float64]
STARTERS = 6
TRIAL_S = 0.8
NEIGHBOURS, STRANGERS = 160, 40
RATES = (0.03, 0.1, 0.3)
OPTIMISM = (0.0, 0.5, 1.0)


@dataclass(frozen=True)
class Region:
    """Where a point is worth having: above ``quality``, below the others and below the first trial's figures."""

    quality: float
    latency_ms: float = np.inf
    size_bytes: float = np.inf


@dataclass(frozen=True, eq=False)
class Origins:
    """Where configurations are cut from: its name, how sure exits are there on validation texts, whether it is there.

    Nothing is proposed whose source could not be trained.
    """

    source_of: Callable[[Configuration], str]
    confidences: Mapping[str, Confidences]
    has: Callable[[str], bool] = lambda source: True


NO_ORIGINS = Origins(lambda configuration: configuration.student, {})


class Surrogate:
    """Models of one study. ``propose`` depends on the points given and the seed alone, not on what it did before."""

    def __init__(
        self,
        space: SearchSpace,
        region: Region,
        origins: Origins = NO_ORIGINS,
        requests: int = 0,
        designs: Sequence[Configuration] = (),
    ) -> None:
        """``requests`` are what a trial serves to read the quality: slow candidates cost more of them.

        ``designs`` are measured after the space's own.
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
        """The designs to measure before any proposal; the space's others are candidates beside the neighbours."""
        return [*self._space.initial_designs()[:STARTERS], *self._designs]

    def propose(
        self,
        measured: Sequence[Point],
        pending: Sequence[Configuration],
        is_known: Callable[[Configuration], bool],
        seed: int,
    ) -> Point | None:
        """A configuration not yet known, with its predicted figures; None if no candidate is new.

        ``measured`` are the points of finished trials in order, ``pending`` what is being measured.
        """
        rng = np.random.default_rng(seed)
        self._history.follow(measured)
        drawn = dict.fromkeys(self._candidates(rng))
        there = {source: self._origins.has(source) for source in map(self._origins.source_of, drawn)}
        candidates = [each for each in drawn if there[self._origins.source_of(each)] and not is_known(each)]
        if not candidates:
            return None
        every = [*candidates, *pending]
        # A builder keeps the controller's core busy: threads that wait for each other there take far longer than one.
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
        """Neighbours and crossings of the front's members, then designs and random points."""
        front = [point.configuration for point in self._history.front.points]
        for _ in range(NEIGHBOURS if front else 0):
            parent = front[int(rng.integers(len(front)))]
            kin = [member for member in front if member.student == parent.student]
            other = kin[int(rng.integers(len(kin)))] if rng.random() < 0.5 else None
            yield self._space.mutated(parent, rng, float(rng.choice(RATES)), other)
        yield from self._space.initial_designs()
        for _ in range(STRANGERS):
            yield self._space.sample(rng)

    def _predicted(self, configurations: Sequence[Configuration]) -> tuple[Array, Array, float]:
        """Quality, latency and size [n, 3]; the deviations [n] of the log loss; and what quality is counted from."""
        figures, deviations = np.zeros((len(configurations), 3)), np.zeros(len(configurations))
        top = self._history.top if self._history.first else 1.0
        for student in {configuration.student for configuration in configurations}:
            rows = [i for i, configuration in enumerate(configurations) if configuration.student == student]
            like = self._history.window(student)
            wanted, seen = self._terms([configurations[i] for i in rows]), self._terms([p.configuration for p in like])
            model = QualityModel(seen[2], np.array([point.quality for point in like]), top)
            loss, deviations[rows] = model.predict(wanted[2])
            figures[rows, 0] = from_log_loss(loss, top)
            latency, size = (np.array([[p.latency_ms, p.size_bytes] for p in like]).reshape(-1, 2)).T
            figures[rows, 1] = wanted[0] @ fit_weights(seen[0], latency, latency_prior(student))
            figures[rows, 2] = wanted[1] @ fit_weights(seen[1], size, size_prior())
        return figures, deviations, top

    def _terms(self, configurations: Sequence[Configuration]) -> tuple[Array, Array, Array]:
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
        """Improvement of the hypervolume within the region, in quality and the logarithms of latency and size."""
        region, first = self._region, self._history.first
        latency_ms, size_bytes = (first.latency_ms, first.size_bytes) if first else candidates.max(axis=0)[1:]
        worst = np.array([region.quality, min(latency_ms, region.latency_ms), min(size_bytes, region.size_bytes)])
        costs, front = _costs(candidates), _costs(known) if len(known) else np.empty((0, 3))
        high = _costs(worst[None])[0]
        low = np.minimum(np.concatenate([costs, front]).min(axis=0), high - 1e-9)
        inside = front[(front < high).all(axis=1)]
        return improvements(costs, inside, box_points(low, high, seed))


def _hopeful(quality: Array, deviations: Array, top: float, optimism: float) -> Array:
    return from_log_loss(log_loss(quality, top) - optimism * deviations, top)


def _costs(figures: Array) -> Array:
    """Quality, latency, size [n, 3] as costs: less quality, and logarithms."""
    return np.stack([-figures[:, 0], np.log(figures[:, 1]), np.log(figures[:, 2])], axis=1)
