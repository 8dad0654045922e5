"""Labels beside the points of a plot, placed so that they cover neither each other nor a marker."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
    """Write each (x, y, text, color) of data coordinates near its point; the number that found a place.

    ``obstacles`` are markers (x, y, area in points squared). A label takes the first free place around its point,
    the nearest distance first, with a thin line to the point where it is not close; without one it is left out, the
    later in the sequence first. Texts that stand in the axes already are kept free too. The figure must have been drawn
    once, so that its layout is settled.
    """
    per_point = axes.figure.dpi / 72.0
    frame = axes.get_window_extent()
    bounds = (frame.x0, frame.y0, frame.x1, frame.y1)
    taken: list[Box] = []
    for x, y, area in obstacles:
        px, py = axes.transData.transform((x, y))
        radius = math.sqrt(area) / 2 * per_point
        taken.append((px - radius, py - radius, px + radius, py + radius))
    markers, placed = list(taken), 0
    taken += [text.get_window_extent().extents for text in axes.texts]
    for x, y, text, color in labels:
        px, py = axes.transData.transform((x, y))
        own = [box for box in markers if abs((box[0] + box[2]) / 2 - px) + abs((box[1] + box[3]) / 2 - py) < 1e-6]
        radius = max(((box[2] - box[0]) / 2 for box in own), default=0.0)
        size = ((len(text) + 0.5) * fontsize * 0.62 * per_point, fontsize * 1.15 * per_point)
        spot = _free_spot((px, py), radius, size, per_point, taken, bounds)
        if spot is None:
            continue
        center, distance = spot
        taken.append(_box(center, size))
        offset = ((center[0] - px) / per_point, (center[1] - py) / per_point)
        axes.annotate(
            text,
            (x, y),
            xytext=offset,
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


def _free_spot(
    point: tuple[float, float],
    radius: float,
    size: tuple[float, float],
    per_point: float,
    taken: Sequence[Box],
    bounds: Box,
) -> tuple[tuple[float, float], float] | None:
    """The first center, in pixels, whose box is inside ``bounds`` and overlaps nothing; with its distance in points."""
    for distance in DISTANCES:
        for angle in ANGLES:
            dx, dy = math.cos(math.radians(angle)), math.sin(math.radians(angle))
            reach = radius + distance * per_point
            center = (point[0] + dx * (reach + size[0] / 2), point[1] + dy * (reach + size[1] / 2))
            box = _box(center, size)
            inside = box[0] >= bounds[0] and box[1] >= bounds[1] and box[2] <= bounds[2] and box[3] <= bounds[3]
            if inside and not any(_overlap(box, other) for other in taken):
                return center, distance
    return None


def _box(center: tuple[float, float], size: tuple[float, float]) -> Box:
    half_width, half_height = size[0] / 2, size[1] / 2
    return (center[0] - half_width, center[1] - half_height, center[0] + half_width, center[1] + half_height)


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
