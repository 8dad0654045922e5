"""Pareto arithmetic against brute force, a hand table and the laws it obeys."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autocompress.system.errors import InputError
from autocompress.trials.pareto import hypervolume, knee, non_dominated
from objectives.objective import Objective
from objectives.unit import FRACTION

DIRECTIONS = ("maximize", "minimize", "minimize")
points = st.lists(st.tuples(*[st.integers(0, 5)] * 3), min_size=1, max_size=9)


def dominates(a, b):
    better = [x > y if d == "maximize" else x < y for x, y, d in zip(a, b, DIRECTIONS, strict=True)]
    return any(better) and all(o or x == y for o, x, y in zip(better, a, b, strict=True))


def covered_cells(rows):
    """The hypervolume of integer points by counting unit cells; the reference is (-1, 6, 6)."""
    cells = itertools.product(range(-1, 5), range(6), range(6))
    return sum(any(row[0] > q and row[1] <= l and row[2] <= s for row in rows) for q, l, s in cells)  # noqa: E741


@given(points)
def test_non_dominated_is_as_brute_force_says(rows):
    expected = [not any(dominates(other, row) for other in rows) for row in rows]
    assert non_dominated(rows, DIRECTIONS).tolist() == expected


@given(points)
def test_hypervolume_counts_cells(rows):
    assert hypervolume(rows, DIRECTIONS, (-1, 6, 6)) == covered_cells(rows)


@given(points, st.randoms())
def test_laws(rows, random):
    mask = non_dominated(rows, DIRECTIONS)
    front = [row for row, kept in zip(rows, mask, strict=True) if kept]
    assert front
    assert non_dominated(front, DIRECTIONS).all()
    assert hypervolume(front, DIRECTIONS, (-1, 6, 6)) == hypervolume(rows, DIRECTIONS, (-1, 6, 6))
    assert hypervolume(rows[:-1], DIRECTIONS, (-1, 6, 6)) <= hypervolume(rows, DIRECTIONS, (-1, 6, 6))
    shuffled = random.sample(rows, len(rows))
    assert hypervolume(shuffled, DIRECTIONS, (-1, 6, 6)) == hypervolume(rows, DIRECTIONS, (-1, 6, 6))
    assert mask[knee(front, DIRECTIONS)] in (True, False)
    scaled = np.array(front) * [2.0, 10.0, 0.5] + [1.0, -3.0, 7.0]
    best = front[knee(front, DIRECTIONS)]
    assert front[knee(scaled, DIRECTIONS)] == best or math.isclose(*_sums(front, best, scaled), abs_tol=1e-9)


def _sums(front, best, scaled):
    array = np.array(front) * [-1, 1, 1]
    span = np.where(np.ptp(array, axis=0) > 0, np.ptp(array, axis=0), 1)
    sums = ((array - array.min(axis=0)) / span).sum(axis=1)
    return sums[front.index(best)], sums[knee(scaled, DIRECTIONS)]


def test_a_hand_table():
    values = [[0.90, 4.0], [0.88, 1.0], [0.87, 2.0], [0.80, 0.5], [0.90, 4.0], [math.nan, 0.1]]
    directions = ("maximize", "minimize")
    assert non_dominated(values, directions).tolist() == [True, True, False, True, True, False]
    assert knee(values[:5], directions) == 1
    assert hypervolume([[0.9, 4.0], [0.8, 1.0]], directions, (0.7, 5.0)) == pytest.approx(0.2 * 1 + 0.1 * 3)
    assert hypervolume([[0.6, 1.0], [0.9, 5.0], [math.nan, 1.0]], directions, (0.7, 5.0)) == 0.0


def test_no_points():
    assert non_dominated(np.zeros((0, 2)), ("minimize", "minimize")).tolist() == []
    assert hypervolume(np.zeros((0, 2)), ("minimize", "minimize"), (1, 1)) == 0.0
    with pytest.raises(InputError, match="at least one measured point"):
        knee([[math.nan, 1.0]], ("minimize", "minimize"))


def test_what_is_refused():
    with pytest.raises(InputError, match="direction is one of"):
        non_dominated([[1.0]], ("up",))
    with pytest.raises(InputError, match="direction is one of"):
        Objective("quality", "up", FRACTION, lambda figures: 0.0)
