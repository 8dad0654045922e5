"""Keep the measured points that proposals need; adding a point takes no longer in a long study."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import NDArray

from autocompress.students.configuration import Configuration
from autocompress.trials.pareto import non_dominated

DIRECTIONS = ("maximize", "minimize", "minimize")


@dataclass(frozen=True)
class Point:
    """A configuration with its figures, measured or predicted: quality (a fraction), mean milliseconds, bytes."""

    configuration: Configuration
    quality: float
    latency_ms: float
    size_bytes: float

    def figures(self) -> dict[str, float]:
        """Return the figures by name."""
        return {name: value for name, value in asdict(self).items() if name != "configuration"}


@dataclass
class Front:
    """The non-dominated ones of the points that were added, and their figures [n, 3]: quality, latency, size."""

    points: list[Point] = field(default_factory=list)
    figures: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 3)))

    def add(self, point: Point) -> None:
        """Add a point unless it is dominated, and drop the points that it dominates."""
        points = [*self.points, point]
        figures = np.array([*self.figures, [point.quality, point.latency_ms, point.size_bytes]])
        kept = non_dominated(figures, DIRECTIONS)
        self.points = [known for known, stays in zip(points, kept, strict=True) if stays]
        self.figures = figures[kept]


class History:
    """Summarises the measured points of a study: the first, the best quality, the fronts, a window per student type.

    ``floor`` is the quality from which on a point is worth having; a window holds the first ``most`` points and the
    latest ``most``.
    """

    def __init__(self, floor: float, most: int) -> None:
        self._floor, self._most = floor, most
        self.clear()

    def clear(self) -> None:
        """Forget all points."""
        self.first: Point | None = None
        self.top = -np.inf
        self._last: Point | None = None
        self._count = 0
        self._all, self._above = Front(), Front()
        self._windows: dict[str, list[Point]] = defaultdict(list)

    def follow(self, measured: Sequence[Point]) -> None:
        """Add the points appended to ``measured`` since the last call; start over if it is another sequence."""
        if self._count > len(measured) or (self._count and measured[self._count - 1] is not self._last):
            self.clear()
        for point in measured[self._count :]:
            self._add(point)
        self._count, self._last = len(measured), measured[-1] if measured else None

    @property
    def front(self) -> Front:
        """The front of the points at or above the floor; of all points if there is none."""
        return self._above if self._above.points else self._all

    def window(self, student: str) -> list[Point]:
        """Return the first and the latest points of a student type, in order."""
        return self._windows[student]

    def _add(self, point: Point) -> None:
        self.first = self.first or point
        self.top = max(self.top, point.quality)
        self._all.add(point)
        if point.quality >= self._floor:
            self._above.add(point)
        window = self._windows[point.configuration.student]
        window.append(point)
        if len(window) > 2 * self._most:
            del window[self._most]
