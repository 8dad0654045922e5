"""Rounding of weights that makes up for its own errors (GPTQ, Frantar et al. 2023, algorithm 1)."""

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
    """Weight [O, I] on the grid of ``quantize`` at ``bits`` bits, and the bias [O] that goes with it.

    ``gram`` is X'X [I + 1, I + 1] of the layer's inputs X with a column of ones after them. Column by column the
    weights are rounded to their row's scale, and those to the right, the bias last, move so that the layer's output
    over X changes least. The diagonal is raised by ``DAMPING`` times its mean. A row in which no weight would have the
    largest code, which its scale is read from, is rounded to nearest instead.
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
            now = moving[:, column]
            codes[:, column] = codes_for(now[:, None], scales, bits)[:, 0]
            error = (now - codes[:, column] * scales) / factor[column, column]
            moving[:, column + 1 : end] -= error[:, None] * factor[column, column + 1 : end]
            errors[:, column - begin] = error
        moving[:, end:] -= errors @ factor[begin:end, end:]
    rounded, moved = dequantize(codes, scales), moving[:, inputs].copy()
    unread = np.abs(codes).max(axis=1) < largest_code(bits)
    rounded[unread] = dequantize(*quantize(weight[unread], bits))
    moved[unread] = np.asarray(bias, np.float32)[unread]
    return rounded, moved


def inverse_factor(gram: Floats) -> NDArray[np.float64]:
    """Upper triangular U with U'U the inverse of the damped ``gram``, by one Cholesky factorisation from the end."""
    damped = gram.astype(np.float64)
    diagonal = np.einsum("ii->i", damped)
    diagonal[:-1] += DAMPING * diagonal[:-1].mean()
    backwards = np.linalg.cholesky(damped[::-1, ::-1])[::-1, ::-1]
    factor: NDArray[np.float64] = solve_triangular(backwards, np.eye(len(damped)), lower=False)
    return factor
