"""Factors a linear layer's weight into two thin ones that change its output on calibration text least.

The weight's best approximation of a low rank is found by singular values (Eckart and Young 1936), weighted by the
second moments of the layer's inputs, as inputs occupy only a part of their space (DRONE, Chen et al. 2021, section 3;
the product of two thin layers is that of Noach and Goldberg 2020, section 3).
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Doubles = NDArray[np.float64]
DAMPING = 0.01


def low_rank_factors(
    weight: Floats, rank: int, moments: Floats | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return factors B [O, rank] and A [rank, I] for which the mean of |Wx - BAx|^2 over inputs x is smallest.

    W is ``weight`` [O, I]. ``moments`` [I, I] is the mean of x times x transposed; its diagonal is raised by
    ``DAMPING`` times its mean. Without it all directions of x count alike, and the product BA is the nearest to W of
    its rank. Column i of B and row i of A have equal norms, so that both round equally well. ``rank`` is at least 1
    and at most min(O, I), at which the product is W.

    The second input hardly varies, so its large weight matters less than the small one:

    >>> left, right = low_rank_factors(np.array([[1.0, 0.0], [0.0, 9.0]]), 1)
    >>> np.abs(left @ right).round(3).tolist()
    [[0.0, 0.0], [0.0, 9.0]]
    >>> left, right = low_rank_factors(np.array([[1.0, 0.0], [0.0, 9.0]]), 1, np.diag([1.0, 1e-6]))
    >>> np.abs(left @ right).round(3).tolist()
    [[1.0, 0.0], [0.0, 0.0]]
    """
    from scipy.linalg import solve_triangular  # not at the top: showing a study does without it

    whole = np.asarray(weight, np.float64)
    root = None if moments is None else _root(moments)
    seen = whole if root is None else whole @ root
    if len(whole) <= whole.shape[1]:
        left = _leading(seen @ seen.T, rank)
        right = left.T @ whole
    else:
        directions = _leading(seen.T @ seen, rank)
        left = seen @ directions
        right = directions.T if root is None else solve_triangular(root, directions, trans="T", lower=True).T
    return _balanced(left, right)


def _root(moments: Floats) -> Doubles:
    """Return the lower triangular L [I, I] whose product with its transpose is the damped ``moments``."""
    damped = np.array(moments, np.float64)
    damped[np.diag_indices(len(damped))] += DAMPING * np.trace(damped) / len(damped)
    return np.asarray(np.linalg.cholesky(damped), np.float64)


def _leading(gram: Doubles, rank: int) -> Doubles:
    """Return the eigenvectors [n, rank] of the largest eigenvalues of a symmetric ``gram`` [n, n]."""
    # all of them take less time than LAPACK's routine for some
    return np.asarray(np.linalg.eigh(gram)[1][:, : -rank - 1 : -1], np.float64)


def _balanced(left: Doubles, right: Doubles) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Scale the columns of ``left`` [O, r] and the rows of ``right`` [r, I] to equal norms, with the same product."""
    tall, wide = np.linalg.norm(left, axis=0), np.linalg.norm(right, axis=1)
    scales = np.sqrt(np.divide(wide, tall, out=np.ones_like(wide), where=(tall > 0) & (wide > 0)))
    return (left * scales).astype(np.float32), (right / scales[:, None]).astype(np.float32)
