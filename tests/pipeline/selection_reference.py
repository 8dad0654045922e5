"""The selection of trials written out for (quality, mean latency, size), in that order, row by row."""

import math
from collections.abc import Sequence

import numpy as np

from autocompress.pipeline.selection import FAST_SHARE, HOPE, MARGIN, POINTS
from autocompress.trials.acquisition import box_points

Row = tuple[float, float, int]
Pair = tuple[float, float]


def to_refine(
    rows: Sequence[Row], beside: Sequence[Row], count: int, reach: float, teacher: float, worth: float, free: bool
) -> list[Row]:
    """``rows`` keep the constraints that training cannot change; ``free``: no constraint bounds the quality."""
    floor = min(teacher, max((quality for quality, _, _ in rows), default=0.0)) - reach
    near = [row for row in rows if row[0] >= floor]
    if not near:
        return []
    if free:
        near += faster([row for row in rows if row[0] < floor], near, worth)
    measured = [log_costs(row) for row in [*near, *beside]]
    hoped = [log_costs((row[0] + HOPE * max(teacher - row[0], 0.0), *row[1:])) for row in near]
    return [near[place] for place in adding_most(hoped, measured, [], count)]


def finalists(rows: Sequence[Row], count: int, floor: float, worth: float) -> list[Row]:
    """``rows`` keep the constraints, or none does."""
    good = [row for row in rows if row[0] >= floor] or list(rows)
    fast = faster([row for row in rows if row[0] < floor], good, worth)
    chosen_fast = covering(fast, max(1, int(FAST_SHARE * count))) if count > 1 else []
    return covering(good, count - len(chosen_fast)) + chosen_fast


def faster(rows: Sequence[Row], others: Sequence[Row], worth: float) -> list[Row]:
    fastest = min((latency for _, latency, _ in others), default=0.0)
    return [row for row in rows if row[1] < fastest and row[0] > worth]


def covering(rows: Sequence[Row], count: int) -> list[Row]:
    front = [row for row in rows if not any(dominates(other, row) for other in rows)]
    if not front or count < 1:
        return []
    best = [
        max(range(len(front)), key=lambda place: front[place][0]),
        min(range(len(front)), key=lambda place: front[place][1]),
        min(range(len(front)), key=lambda place: front[place][2]),
    ]
    chosen = adding_most([log_costs(row) for row in front], [], list(dict.fromkeys(best))[:count], count)
    return [front[place] for place in chosen]


def dominates(other: Row, row: Row) -> bool:
    return other != row and other[0] >= row[0] and other[1] <= row[1] and other[2] <= row[2]


def log_costs(row: Row) -> tuple[float, float, float]:
    return -row[0], float(np.log(row[1])), float(np.log(row[2]))


def adding_most(
    costs: Sequence[Sequence[float]], others: Sequence[Sequence[float]], chosen: list[int], count: int
) -> list[int]:
    active = [1, 2]
    while active and len(chosen) < count:
        for other in list(active):
            if len(chosen) >= count:
                active.remove(other)
                continue
            pairs = [(row[0], row[other]) for row in costs]
            known = [(row[0], row[other]) for row in others] + [pairs[place] for place in chosen]
            gains = [gain(pair, known, random_points(pairs)) for pair in pairs]
            if max(gains) > 0:
                chosen = [*chosen, gains.index(max(gains))]
            else:
                active.remove(other)
    return chosen


def random_points(pairs: Sequence[Pair]) -> np.ndarray:
    low, high = np.min(pairs, axis=0), np.max(pairs, axis=0)
    return box_points(low, high + MARGIN * (high - low) + 1e-9, 0, POINTS)


def gain(pair: Pair, known: Sequence[Pair], points: np.ndarray) -> int:
    """How many points the pair is at most as dear as, of those that no known pair is."""
    free = np.full(len(points), True)
    for quality, cost in known:
        free &= (points[:, 0] < quality) | (points[:, 1] < cost)
    return math.floor(np.sum(free & (points[:, 0] >= pair[0]) & (points[:, 1] >= pair[1])))
