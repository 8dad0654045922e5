"""Lets a score exit where two heads in a row gave nearly the same one (PABEE, Zhou et al. 2020, section 3.2).

This is the paper's rule for regressions with a patience of one: outputs that differ by less than a tolerance count as
the same answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from autocompress.students.exit_policies.policy import ExitPolicy, Thresholds

if TYPE_CHECKING:
    from autocompress.artifact.graph import GraphBuilder

# Below any threshold: a single head agrees with nothing.
NONE = -1.0


def scores(outputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return 1 less the largest difference [..] of the last two heads in ``outputs`` [heads, .., C]; -1 for one head.

    Outputs are in units of the teacher's standard deviation, so that a threshold of 0.9 is a tolerance of a tenth.
    """
    if len(outputs) < 2:
        return np.full(outputs.shape[1:-1], NONE, np.float32)
    return np.asarray(1 - np.abs(outputs[-1] - outputs[-2]).max(axis=-1), np.float32)


def emitted(graph: GraphBuilder, logits: Sequence[str], num_outputs: int) -> str:
    """Add 1 less the largest difference [batch] of the last two of ``logits [batch, C]`` and return its name."""
    one = graph.constant(np.array(1, np.float32))
    if len(logits) < 2:
        zeros = graph.op("Mul", logits[-1], graph.constant(np.array(0, np.float32)))
        return graph.op("Sub", graph.op("ReduceSum", zeros, graph.integers(-1), keepdims=0), one)
    apart = graph.op("Abs", graph.op("Sub", logits[-1], logits[-2]))
    return graph.op("Sub", one, graph.op("ReduceMax", apart, graph.integers(-1), keepdims=0))


AGREEMENT = ExitPolicy(
    scores,
    emitted,
    Thresholds("exit_agreement", 0.5, 0.98, 0.04),
    label=lambda threshold: f"-agreement>{threshold:.2f}",
    eagerness=lambda threshold: 1.0 - threshold,
    heads_needed=lambda threshold: 2,
    fewest_outputs=1,
    most_outputs=1,
    reads_earlier=True,
)
