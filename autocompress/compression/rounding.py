"""Rounds weights so that later ones compensate the errors of earlier ones (GPTQ, Frantar et al. 2023, algorithm 1)."""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from autocompress.compression.quantization import codes_for, dequantize, largest_code, quantize, weight_scales

Floats = NDArray[np.floating]
DAMPING = 0.01
BLOCK = 128


def round_compensated(
    weight: Floats, bias: Floats, gram: Floats, bits: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return weight [O, I] on the grid of ``quantize`` at ``bits`` bits, and the bias [O] that compensates its errors.

    Column by column the weights are rounded to multiples of their row's scale, and the columns to the right, the bias
    last, move so that the layer's output over calibration inputs X [tokens, I] changes least. ``gram`` [I + 1, I + 1]
    is the matrix product of [X, 1] transposed with [X, 1], where 1 is a column of ones; its diagonal is raised by
    ``DAMPING`` times its mean. Rows that end without a weight of the largest code, from which ``quantize`` reads their
    scale, are rounded to nearest instead.

    The inputs are always equal, so the third weight is rounded up to compensate that the second is rounded down:

    >>> inputs = np.array([[1.0, 1.0, 1.0, 1.0], [-1.0, -1.0, -1.0, 1.0]])
    >>> weight, bias = round_compensated(np.array([[7.0, 0.4, 0.4]]), np.zeros(1), inputs.T @ inputs, bits=4)
    >>> weight.tolist(), bias.tolist()
    ([[7.0, 0.0, 1.0]], [0.0])
    """
    weight = np.asarray(weight, np.float32)
    inputs = weight.shape[1]
    scales = weight_scales(weight, bits)
    moving = np.concatenate([weight, np.asarray(bias, np.float32)[:, None]], axis=1)
    factor = inverse_factor(gram).astype(np.float32)
    codes = np.empty(weight.shape, np.int8)
    for begin in range(0, inputs, BLOCK):
        end = min(begin + BLOCK, inputs)
        errors = np.empty((len(weight), end - begin), np.float32)
        for column in range(begin, end):
            moved = moving[:, column]
            codes[:, column] = codes_for(moved[:, None], scales, bits)[:, 0]
            error = (moved - codes[:, column] * scales) / factor[column, column]
            moving[:, column + 1 : end] -= error[:, None] * factor[column, column + 1 : end]
            errors[:, column - begin] = error
        moving[:, end:] -= errors @ factor[begin:end, end:]
    rounded, moved_bias = dequantize(codes, scales), moving[:, inputs].copy()
    without_largest = np.abs(codes).max(axis=1) < largest_code(bits)
    rounded[without_largest] = dequantize(*quantize(weight[without_largest], bits))
    moved_bias[without_largest] = np.asarray(bias, np.float32)[without_largest]
    return rounded, moved_bias


def inverse_factor(gram: Floats) -> NDArray[np.float64]:
    """Return the upper triangular U [n, n] whose product U'U is the inverse of the damped ``gram`` [n, n].

    U' is the transpose of U. All but the last element of the diagonal are damped.

    >>> factor = inverse_factor(np.diag([4.0, 1.0]))
    >>> (1 / factor.diagonal() ** 2).round(2).tolist()
    [4.04, 1.0]
    """
    damped = gram.astype(np.float64)
    diagonal = np.einsum("ii->i", damped)
    diagonal[:-1] += DAMPING * diagonal[:-1].mean()
    backwards = np.linalg.cholesky(damped[::-1, ::-1])[::-1, ::-1]
    factor: NDArray[np.float64] = solve_triangular(backwards, np.eye(len(damped)), lower=False)
    return factor
