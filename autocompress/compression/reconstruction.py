"""Reconstructs linear layers by least squares after structured pruning (Kwon et al. 2022, section 4.3).

When inputs of a linear layer are pruned, the weights of the remaining inputs are solved for, so that the layer's output
on calibration text changes least (also K-prune, Park et al. 2024). One Gram matrix of the inputs serves every choice of
remaining inputs.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
RIDGE = 1e-3


def reconstruct(
    weight: Floats, bias: Floats, gram: Floats, kept: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the weight [O, kept] and bias [O] over the first ``kept`` inputs that best replace a linear layer's.

    The layer has ``weight`` [O, I] and ``bias`` [O]; what replaces them minimizes the summed squared difference of the
    outputs over calibration inputs X [tokens, I]. ``gram``
    [I + 1, I + 1] is the matrix product of [X, 1] transposed with [X, 1], where 1 is a column of ones. A ridge of
    ``RIDGE`` times the mean square of the kept inputs keeps the weights near their old values.

    If the second input is always 2, the bias takes over its weight of 3:

    >>> inputs = np.array([[1.0, 2.0, 1.0], [5.0, 2.0, 1.0], [-4.0, 2.0, 1.0]])
    >>> weight, bias = reconstruct(np.array([[1.0, 3.0]]), np.array([0.5]), inputs.T @ inputs, kept=1)
    >>> weight.round(3).tolist(), bias.round(3).tolist()
    ([[1.0]], [6.5])
    """
    columns = [*range(kept), weight.shape[1]]
    inner = gram[np.ix_(columns, columns)].astype(np.float64)
    ridge = np.full(len(columns), RIDGE * np.trace(inner[:kept, :kept]) / max(kept, 1))
    ridge[-1] = 0.0
    whole = np.concatenate([weight, bias[:, None]], axis=1).astype(np.float64)
    right_side = whole @ gram[:, columns] + whole[:, columns] * ridge
    solved = np.linalg.solve(inner + np.diag(ridge), right_side.T).T.astype(np.float32)
    return solved[:, :kept], solved[:, kept]
