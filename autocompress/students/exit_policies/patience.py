"""Lets a text exit where several heads in a row gave the same answer (PABEE, Zhou et al. 2020, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, inf
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from autocompress.students.exit_policies.policy import ExitPolicy, Thresholds

if TYPE_CHECKING:
    from autocompress.artifact.graph import GraphBuilder

# Added to the number of repetitions, so that the score is above a patience of k from the k-th repetition on.
HALF = 0.5


def scores(outputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how often [..] the last answer was repeated without a break, plus a half, of ``outputs`` [heads, .., C].

    The answer of a head is the class with the largest logit, the first of equal ones.
    """
    answers = np.argmax(outputs, axis=-1)
    heads = np.arange(1, len(answers) + 1).reshape(-1, *[1] * (answers.ndim - 1))
    other = ((answers != answers[-1]) * heads).max(axis=0)
    return np.asarray(len(answers) - 1 - other + HALF, np.float32)


def emitted(graph: GraphBuilder, logits: Sequence[str], num_outputs: int) -> str:
    """Add the repetitions [batch] of the last of ``logits [batch, C]``, plus a half, and return their name."""
    count = len(logits)
    side_by_side = graph.op("Concat", *logits, axis=-1)
    answers = graph.op("ArgMax", graph.op("Reshape", side_by_side, graph.integers(-1, count, num_outputs)), axis=-1)
    last = graph.op("Gather", answers, graph.integers(count - 1), axis=1)
    heads = graph.constant(np.arange(1, count + 1, dtype=np.float32)[:, None])
    zero = graph.constant(np.array(0, np.float32))
    other = graph.op("Where", graph.op("Equal", answers, last), zero, heads)
    latest = graph.op("ReduceMax", other, graph.integers(1, 2), keepdims=0)
    return graph.op("Sub", graph.constant(np.array(count - 1 + HALF, np.float32)), latest)


def heads_needed(threshold: float) -> int:
    """Return the number of heads at which as many repetitions as the patience are possible.

    >>> heads_needed(1.0), heads_needed(3.0)
    (2, 4)
    """
    return floor(threshold + HALF) + 1


PATIENCE = ExitPolicy(
    scores,
    emitted,
    Thresholds("exit_patience", 1.0, 3.0, 1.0, bound=inf),
    label=lambda threshold: f"-patience={threshold:g}",
    eagerness=lambda threshold: HALF / threshold,
    heads_needed=heads_needed,
    reads_earlier=True,
)
