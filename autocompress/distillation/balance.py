"""Repeats augmented texts with rare answers, so that a student meets each of the teacher's answers often enough.

Among made-up pairs some answers are rare: few of them entail each other. The answers to the real texts tell how often
each should be met (over-sampling with replacement, see Chawla et al. 2002, section 2).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEAST_SHARE, MOST_TIMES = 0.5, 3
BINS = 5


def answers_of(targets: NDArray[np.float32], real: int, bins: int = BINS) -> NDArray[np.int64]:
    """Return the number of the teacher's answer to each text, int64 [n], from its outputs ``targets`` [n, C].

    That is the class of the largest logit. A single output is a number: then it is the one of ``bins`` intervals that
    are equally frequent among the first ``real`` texts.
    """
    if targets.shape[1] > 1:
        classes: NDArray[np.int64] = targets.argmax(axis=1)
        return classes
    if not real:
        return np.zeros(len(targets), np.int64)
    edges = np.quantile(targets[:real, 0], np.arange(1, bins) / bins)
    return np.searchsorted(edges, targets[:, 0], side="right").astype(np.int64)


def repetitions(answers: NDArray[np.int64], real: int) -> NDArray[np.int64]:
    """Return how often to read each augmented text, int64 [n - real]; the first ``real`` of the texts are real ones.

    ``answers`` [n] are those of ``answers_of``. All texts with one answer are repeated equally often: until their share
    of the augmented texts is ``LEAST_SHARE`` of that answer's share of the real ones, but at most ``MOST_TIMES``.
    """
    made_up = answers[real:]
    count = int(answers.max(initial=-1)) + 1
    found = np.bincount(made_up, minlength=count)
    wanted = LEAST_SHARE * np.bincount(answers[:real], minlength=count) / max(real, 1)
    times, before = np.ones(count, np.int64), np.zeros(count, np.int64)
    while not np.array_equal(times, before):  # every repetition also makes the other answers a little rarer
        before = times
        needed = np.ceil(wanted * (found * times).sum() / np.maximum(found, 1)).astype(np.int64)
        times = np.maximum(times, np.clip(needed, 1, MOST_TIMES))
    return times[made_up]
