"""Places labels beside the points of a plot so that they cover neither each other nor a marker."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Box = tuple[float, float, float, float]
ANGLES = (90, 45, 135, 0, 180, 270, 315, 225)
DISTANCES = (3.0, 9.0, 17.0, 27.0, 40.0)


def place_labels(
    axes: Axes,
    labels: Sequence[tuple[float, float, str, str]],
    obstacles: Sequence[tuple[float, float, float]],
    fontsize: float = 8.0,
) -> int:
    """Write each (x, y, text, color), in data coordinates, near its point; return how many found a place.

    ``obstacles`` are markers (x, y, area in points squared). A label takes the first free place around its point,
    the nearest distance first, with a thin line to the point where it is not close; without one it is left out, the
    later in the sequence first. Texts that stand in the axes already are kept free too. The figure must have been drawn
    once, so that its layout is settled.
    """
    per_point = axes.figure.dpi / 72.0
    markers = [_marker_box(axes, *obstacle, per_point) for obstacle in obstacles]
    space = _Space(
        per_point=per_point,
        bounds=axes.get_window_extent().extents,
        taken=[*markers, *(text.get_window_extent().extents for text in axes.texts)],
    )
    placed = 0
    for x, y, text, color in labels:
        px, py = axes.transData.transform((x, y))
        own = [box for box in markers if abs((box[0] + box[2]) / 2 - px) + abs((box[1] + box[3]) / 2 - py) < 1e-6]
        radius = max(((box[2] - box[0]) / 2 for box in own), default=0.0)
        size = ((len(text) + 0.5) * fontsize * 0.62 * per_point, fontsize * 1.15 * per_point)
        spot = space.take((px, py), radius, size)
        if spot is None:
            continue
        center, distance = spot
        axes.annotate(
            text,
            (x, y),
            xytext=((center[0] - px) / per_point, (center[1] - py) / per_point),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=fontsize,
            color=color,
            zorder=6,
            arrowprops={"arrowstyle": "-", "color": color, "lw": 0.5, "alpha": 0.5} if distance > 5 else None,
        )
        placed += 1
    return placed


@dataclass(frozen=True)
class _Space:
    """The area of a plot in pixels, and what of it is taken."""

    per_point: float
    bounds: Box
    taken: list[Box]

    def take(
        self, point: tuple[float, float], radius: float, size: tuple[float, float]
    ) -> tuple[tuple[float, float], float] | None:
        """Take the first free box of ``size`` around a point: its center, and its distance in points; None without."""
        for distance in DISTANCES:
            for angle in ANGLES:
                dx, dy = math.cos(math.radians(angle)), math.sin(math.radians(angle))
                reach = radius + distance * self.per_point
                center = (point[0] + dx * (reach + size[0] / 2), point[1] + dy * (reach + size[1] / 2))
                box, bounds = _box(center, size), self.bounds
                inside = box[0] >= bounds[0] and box[1] >= bounds[1] and box[2] <= bounds[2] and box[3] <= bounds[3]
                if inside and not any(_overlap(box, other) for other in self.taken):
                    self.taken.append(box)
                    return center, distance
        return None


def _marker_box(axes: Axes, x: float, y: float, area: float, per_point: float) -> Box:
    px, py = axes.transData.transform((x, y))
    radius = math.sqrt(area) / 2 * per_point
    return px - radius, py - radius, px + radius, py + radius


def _box(center: tuple[float, float], size: tuple[float, float]) -> Box:
    half_width, half_height = size[0] / 2, size[1] / 2
    return (center[0] - half_width, center[1] - half_height, center[0] + half_width, center[1] + half_height)


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
