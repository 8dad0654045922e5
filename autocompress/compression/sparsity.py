"""Prunes single weights by magnitude (Han et al. 2015, section 3), and stores them as a bit mask and the non-zeros.

Sparsity is the fraction of zeros.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]


def magnitude_mask(weight: NDArray[np.floating], sparsity: float) -> NDArray[np.bool_]:
    """Return a mask of the shape of ``weight``, True for the weights to keep.

    Exactly ``round(sparsity * weight.size)`` weights, those of smallest magnitude, are False. Of equal magnitudes the
    first in the array is False first.

    >>> magnitude_mask(np.array([[0.5, -3.0], [-1.0, 2.0]]), sparsity=0.5)
    array([[False,  True],
           [False,  True]])
    """
    count = round(sparsity * weight.size)
    mask = np.ones(weight.size, bool)
    if count:
        magnitude = np.abs(weight).ravel()
        limit = np.partition(magnitude, count - 1)[count - 1]
        below = magnitude < limit
        mask[below] = False
        ties = np.flatnonzero(magnitude == limit)
        mask[ties[: count - int(below.sum())]] = False
    return mask.reshape(weight.shape)


def prune(weight: NDArray[np.float32], sparsity: float) -> NDArray[np.float32]:
    """Return a copy of ``weight`` with its smallest magnitudes set to zero; ``weight`` itself if ``sparsity`` is 0.

    >>> prune(np.array([[0.5, -3.0], [-1.0, 2.0]], np.float32), sparsity=0.5)
    array([[ 0., -3.],
           [ 0.,  2.]], dtype=float32)
    """
    return np.where(magnitude_mask(weight, sparsity), weight, np.float32(0)) if sparsity else weight


def pack(dense: Array) -> tuple[NDArray[np.uint8], Array]:
    """Return the bit mask uint8 [ceil(size / 8)] of the non-zeros of ``dense`` (see ``pack_mask``), and the non-zeros.

    >>> bits, values = pack(np.array([[0, 7], [0, -3]], np.int8))
    >>> f"{bits[0]:08b}", values.tolist()
    ('00001010', [7, -3])
    """
    flat = dense.ravel()
    kept = flat != 0
    return pack_mask(kept), flat[kept]


def unpack(bits: NDArray[np.uint8], values: Array, shape: tuple[int, ...]) -> Array:
    """Return the dense array of ``shape`` from its bit mask and its non-zeros: the inverse of ``pack``.

    >>> unpack(*pack(np.array([[0, 7], [0, -3]], np.int8)), shape=(2, 2)).tolist()
    [[0, 7], [0, -3]]
    """
    flat = np.zeros(int(np.prod(shape)), values.dtype)
    flat[unpack_mask(bits, flat.size)] = values
    return flat.reshape(shape)


def pack_mask(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Pack a mask into uint8 [ceil(size / 8)], its first element in the least significant bit of the first byte.

    Zeros fill the last byte.

    >>> f"{pack_mask(np.array([True, False, False, True]))[0]:08b}"
    '00001001'
    """
    return np.packbits(mask.ravel(), bitorder="little")


def unpack_mask(bits: NDArray[np.uint8], size: int) -> NDArray[np.bool_]:
    """Return the flat mask [size]: the inverse of ``pack_mask``.

    >>> unpack_mask(np.array([0b1001], np.uint8), size=4).tolist()
    [True, False, False, True]
    """
    return np.unpackbits(bits, count=size, bitorder="little").astype(bool)
