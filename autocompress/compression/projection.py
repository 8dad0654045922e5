"""Projects hidden states onto fewer channels, and fits linear layers to states that are projected.

The directions are principal components, as in SliceGPT (Ashkboos et al. 2024, section 3.3). A rotation does not commute
with the gains of post-norm layers, so what writes to and reads from the fewer channels is found by least squares.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
RIDGE = 1e-2


def centred_directions(covariance: Floats, size: int, seed: int = 0) -> NDArray[np.float32]:
    """Return directions [H, size]: orthonormal columns times a rotation, by which projected states have a mean of 0.

    They span the ``size`` - 1 leading eigenvectors of ``covariance`` [H, H]. Layer normalization subtracts the mean
    over channels, so one of the ``size`` channels' directions, that of equal values, is left unused.

    >>> found = centred_directions(np.diag([4.0, 1.0, 0.0]), 3)
    >>> bool(np.allclose(found.sum(1), 0, atol=1e-6)), np.abs(found @ found.T).round(6).tolist()
    (True, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    """
    leading = np.linalg.eigh(np.asarray(covariance, np.float64))[1][:, ::-1][:, : size - 1]
    drawn = np.random.default_rng(seed).normal(size=(size, size - 1))
    rotation = np.linalg.qr(np.concatenate([np.ones((size, 1)), drawn], axis=1))[0][:, 1:]
    return np.asarray(leading @ rotation.T, np.float32)


def linear_map(gram: Floats, cross: Floats) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the weight [O, I] and bias [O] that predict outputs Y [tokens, O] best from inputs X [tokens, I].

    ``gram`` [I + 1, I + 1] is the matrix product of [X, 1] transposed with [X, 1], ``cross`` [I + 1, O] that with Y;
    1 is a column of ones. A ridge of ``RIDGE`` times the mean variance of the inputs keeps the weights small.

    >>> inputs = np.array([[1.0, 1.0], [5.0, 1.0], [-4.0, 1.0]])
    >>> weight, bias = linear_map(inputs.T @ inputs, inputs.T @ np.array([[5.0], [13.0], [-5.0]]))
    >>> weight.round(1).tolist(), bias.round(1).tolist()
    ([[2.0]], [3.0])
    """
    inner = np.asarray(gram, np.float64)
    about_the_mean = np.diag(inner)[:-1] - inner[:-1, -1] ** 2 / inner[-1, -1]
    ridge = np.full(len(inner), RIDGE * max(about_the_mean.mean(), 1e-12))
    ridge[-1] = 0.0
    solved = np.linalg.solve(inner + np.diag(ridge), np.asarray(cross, np.float64)).T.astype(np.float32)
    return np.ascontiguousarray(solved[:, :-1]), np.ascontiguousarray(solved[:, -1])
