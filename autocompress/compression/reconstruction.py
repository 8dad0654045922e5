"""Least-squares reconstruction after structured pruning (Kwon et al. 2022, section 4.3; K-prune, Park et al. 2024).

Where inputs of a linear layer are removed, the weights of those that stay are solved anew, so that the layer's output
over calibration text changes least. One Gram matrix of the inputs answers for every choice of what stays.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
RIDGE = 1e-3


def reconstruct(
    weight: Floats, bias: Floats, gram: Floats, kept: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weight [O, kept] and bias [O] over the first ``kept`` inputs that come nearest to ``weight`` [O, I] and ``bias``.

    Nearest in the summed squared difference of the outputs over the inputs of ``gram``, which is X'X [I + 1, I + 1] of
    the inputs X with a column of ones after them; a ridge of ``RIDGE`` times the mean square of the kept inputs draws
    the weights to what they were.
    """
    places = [*range(kept), weight.shape[1]]
    inner = gram[np.ix_(places, places)].astype(np.float64)
    ridge = np.full(len(places), RIDGE * np.trace(inner[:kept, :kept]) / max(kept, 1))
    ridge[-1] = 0.0
    wanted = np.concatenate([weight, bias[:, None]], axis=1).astype(np.float64)
    anchored = wanted @ gram[:, places] + wanted[:, places] * ridge
    solved = np.linalg.solve(inner + np.diag(ridge), anchored.T).T.astype(np.float32)
    return solved[:, :kept], solved[:, kept]
