"""Quantizes weights linearly and symmetrically, with a scale per output channel (Krishnamoorthi 2018, section 2).

The arithmetic is that of Jacob et al. 2018, section 2.1, with zero point 0. ``weight`` is [out, in]: a row is an output
channel of a linear layer, or one token's embedding.
"""

import numpy as np
from numpy.typing import NDArray

from autocompress.hardware.processor import saturates
from autocompress.system.errors import InputError

Floats = NDArray[np.float32]
Codes = NDArray[np.int8]

# Fractions of a row's largest magnitude that are tried as the clipping point: with few codes a lower one is better.
SCALE_FRACTIONS: dict[int, tuple[float, ...]] = {
    8: (1.0,),
    4: (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55),
    2: (1.0, 0.8, 0.7, 0.6, 0.54, 0.48, 0.43, 0.38, 0.34, 0.3, 0.25),
}
_BLOCK_SIZE = 1 << 16


def largest_code(bits: int) -> int:
    """Return the n of the codes -n .. n at ``bits`` bits: 127, 7 and 1 for 8, 4 and 2 bits.

    At 8 bits it is 63 on processors that saturate the sum of two products at 16 bits, since 2 * 255 * 63 fits there.
    InputError for another number of bits.

    >>> largest_code(4)
    7
    """
    if bits not in SCALE_FRACTIONS:
        raise InputError(f"quantized weights have {', '.join(map(str, SCALE_FRACTIONS))} bits, but got {bits}")
    return int(2 ** (bits - 1) - 1) if bits < 8 or not saturates() else 63


def weight_scales(weight: NDArray[np.floating], bits: int) -> Floats:
    """Return the scale [out] of each row of ``weight`` [out, in], the same in training and in the emitted graph.

    At 8 bits it is the row's largest magnitude divided by the largest code. At 4 and 2 bits it is the scale with the
    least squared error of the row among those of a few clipping points. Rows of zeros have scale 1.

    >>> weight_scales(np.array([[3.5, -1.0], [0.0, 0.0]]), bits=4).tolist()
    [0.5, 1.0]
    """
    weight = np.asarray(weight, np.float32)
    top = np.abs(weight).max(axis=1, initial=0.0)
    full = np.where(top > 0, top / np.float32(largest_code(bits)), np.float32(1.0)).astype(np.float32)
    fractions = SCALE_FRACTIONS[bits]
    if len(fractions) == 1:
        return full
    scales = np.empty_like(full)
    rows = max(1, _BLOCK_SIZE // max(1, weight.shape[1]))
    for start in range(0, len(full), rows):
        block = slice(start, start + rows)
        scales[block] = _least_squares(weight[block], full[block], bits)
    return scales


def quantize(weight: NDArray[np.floating], bits: int) -> tuple[Codes, Floats]:
    """Return codes int8 [out, in] and scales float32 [out] such that ``codes * scales[:, None]`` is near ``weight``.

    The codes are in -n .. n (see ``largest_code``); ties are rounded to the even code.

    >>> codes, scales = quantize(np.array([[3.5, -1.1]]), bits=4)
    >>> codes.tolist(), scales.tolist()
    ([[7, -2]], [0.5])
    """
    weight = np.asarray(weight, np.float32)
    scales = weight_scales(weight, bits)
    return codes_for(weight, scales, bits), scales


def codes_for(weight: NDArray[np.floating], scales: Floats, bits: int) -> Codes:
    """Return the codes int8 [out, in] of ``weight`` [out, in] at given ``scales`` [out]; outliers are clipped.

    >>> codes_for(np.array([[3.5, -1.1, 9.0]]), np.array([0.5], np.float32), bits=4).tolist()
    [[7, -2, 7]]
    """
    top = largest_code(bits)
    codes = np.divide(weight, scales[:, None], dtype=np.float32)
    np.rint(codes, out=codes)
    np.clip(codes, -top, top, out=codes)
    whole: Codes = codes.astype(np.int8)
    return whole


def dequantize(codes: Codes, scales: Floats) -> Floats:
    """Return the weights float32 [out, in] that ``codes`` [out, in] at ``scales`` [out] represent.

    >>> dequantize(np.array([[7, -2]], np.int8), np.array([0.5], np.float32)).tolist()
    [[3.5, -1.0]]
    """
    return codes.astype(np.float32) * scales[:, None]


def _least_squares(weight: Floats, full: Floats, bits: int) -> Floats:
    """The fraction of the scales ``full`` [out] of least squared error per row, times them."""
    top = largest_code(bits)
    unit = weight / full[:, None]
    best = np.full(len(full), np.inf, np.float32)
    chosen = np.ones(len(full), np.float32)
    work = np.empty_like(unit)
    for fraction in SCALE_FRACTIONS[bits]:
        np.multiply(unit, np.float32(1 / fraction), out=work)
        np.rint(work, out=work)
        np.clip(work, -top, top, out=work)
        np.multiply(work, np.float32(fraction), out=work)
        np.subtract(work, unit, out=work)
        error = np.einsum("ij,ij->i", work, work)
        better = error < best
        best[better], chosen[better] = error[better], fraction
    chosen[~np.any(weight, axis=1)] = 1.0
    return full * chosen
