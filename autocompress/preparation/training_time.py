"""Computes how many texts student types can read, and how they share the time in which they are trained.

``rates`` are the rows per second that the training of a student type reads (see ``rows_per_second``), ``shares`` the
share of the time that each type has, on any scale: only their ratios count. A row is one text, or one pair of texts.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

from autocompress.distillation.transfer import REAL_PASSES
from autocompress.students import STUDENTS

COPIES = 40
"""Augmented texts per training text, at most."""
LEAST_PASSES = 0.5
"""A student type that would read less than this share of the training texts would be of no use."""


def time_shares(students: Collection[str], *, pair: bool) -> dict[str, float]:
    """Return the shares of the student types ``students``, for tasks of single texts or of pairs.

    Students without attention do as well as sub-networks on single texts, and far worse on pairs.
    """
    kinds = {name: kind for name, kind in STUDENTS.items() if name in students}
    return {name: kind.shares.pair if pair else kind.shares.single for name, kind in kinds.items()}


def needed_shares(shares: Mapping[str, float], explained: float) -> dict[str, float]:
    """Return the shares with less for types that are cut from the teacher, the better others do without its layers.

    ``explained`` in [0, 1] is the share of the variance of the teacher's outputs that a student without the teacher's
    layers explains after a short training. Types that are cut from the teacher keep ``1 - explained`` of their share.

    >>> needed_shares({"transformer": 0.4, "cnn": 0.6}, 0.75)
    {'transformer': 0.1, 'cnn': 0.6}
    """
    return {name: share * (1.0 - explained if STUDENTS[name].from_teacher else 1.0) for name, share in shares.items()}


def rows_per_second(epochs: float, rows: int, seconds: float) -> float:
    """Return the rate of a training that passed ``epochs`` times over ``rows`` rows in ``seconds``."""
    return epochs * rows / seconds


def augmented_rows(rates: Mapping[str, float], shares: Mapping[str, float], train_rows: int, left_s: float) -> int:
    """Return the number of augmented texts that the student type which reads most can read in ``left_s`` seconds.

    Each student type of ``rates`` has its share of the time, and reads the ``train_rows`` training texts
    ``REAL_PASSES`` times as well. At most ``COPIES`` per training text; 0 without rates.
    """
    whole = sum(shares[student] for student in rates)
    rows = max((rates[student] * shares[student] / whole * left_s for student in rates), default=0.0)
    return max(min(round(rows) - REAL_PASSES * train_rows, COPIES * train_rows), 0)


def shares_of_the_rest(
    students: Sequence[str], shares: Mapping[str, float], rates: Mapping[str, float], train_rows: int, left_s: float
) -> dict[str, float]:
    """Return those student types that are worth training in ``left_s`` seconds, in order, each with a share in (0, 1].

    The share is of the time that is left when its turn comes; the last type has all of it. While one would read less
    than ``LEAST_PASSES`` times the ``train_rows`` training texts, which only takes time from the others, the type that
    would read least is left out. A type without a rate is worth training.
    """
    able = list(students)
    while able:
        whole = sum(shares[student] for student in able)
        passes = {s: rates.get(s, math.inf) * left_s * shares[s] / whole / train_rows for s in able}
        slowest = min(passes, key=passes.__getitem__)
        if passes[slowest] >= LEAST_PASSES:
            break
        able.remove(slowest)
    rest = [sum(shares[later] for later in able[place:]) for place in range(len(able))]
    return {student: shares[student] / total for student, total in zip(able, rest, strict=True)}
