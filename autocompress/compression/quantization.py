"""Symmetric linear quantization of weights, one scale per output channel (Jacob et al. 2018; Krishnamoorthi 2018).

``weight`` is ``[out, in]``: a row is an output channel of a linear layer, or one token's embedding.
"""

import numpy as np
from numpy.typing import NDArray

from autocompress.hardware.processor import saturates
from autocompress.system.errors import InputError

Floats = NDArray[np.float32]
Codes = NDArray[np.int8]

# Fractions of a row's largest magnitude that are tried as the clipping point: few levels want a lower one.
SCALE_FRACTIONS: dict[int, tuple[float, ...]] = {
    8: (1.0,),
    4: (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55),
    2: (1.0, 0.8, 0.7, 0.6, 0.54, 0.48, 0.43, 0.38, 0.34, 0.3, 0.25),
}
_BLOCK_SIZE = 1 << 16


def largest_code(bits: int) -> int:
    """The codes of ``bits`` bits are -n .. n, symmetric about zero: 127, 7 and 1 for 8, 4 and 2 bits.

    63 for 8 bits on a processor whose sums of two products saturate at 16 bits: twice 255 times 63 fits.
    """
    if bits not in SCALE_FRACTIONS:
        raise InputError(f"quantized weights have {', '.join(map(str, SCALE_FRACTIONS))} bits, but got {bits}")
    return int(2 ** (bits - 1) - 1) if bits < 8 or not saturates() else 63


def weight_scales(weight: NDArray[np.floating], bits: int) -> Floats:
    """Scale ``[out]`` of each row of ``weight [out, in]``: the rule of training and of the emitted graph alike.

    8 bits: largest magnitude / largest code. 4 and 2 bits: the scale out of a small grid of clipping points with the
    least squared error of the row. Rows of zeros have scale 1.
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
    """Codes int8 ``[out, in]`` in ``-n .. n`` and scales float32 ``[out]``; ``codes * scales[:, None]`` is near weight.

    Ties are rounded to the even code.
    """
    weight = np.asarray(weight, np.float32)
    scales = weight_scales(weight, bits)
    return codes_for(weight, scales, bits), scales


def codes_for(weight: NDArray[np.floating], scales: Floats, bits: int) -> Codes:
    """Codes int8 ``[out, in]`` of ``weight`` at the given scales ``[out]``."""
    top = largest_code(bits)
    codes = np.divide(weight, scales[:, None], dtype=np.float32)
    np.rint(codes, out=codes)
    np.clip(codes, -top, top, out=codes)
    whole: Codes = codes.astype(np.int8)
    return whole


def dequantize(codes: Codes, scales: Floats) -> Floats:
    """Float32 ``[out, in]`` that the codes stand for."""
    return codes.astype(np.float32) * scales[:, None]


def _least_squares(weight: Floats, full: Floats, bits: int) -> Floats:
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
