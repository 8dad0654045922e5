"""Unstructured sparsity by magnitude (Han et al. 2015), and its stored form: one bit a place, then the non-zeros."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]


def magnitude_mask(weight: NDArray[np.floating], sparsity: float) -> NDArray[np.bool_]:
    """True at the weights that stay; exactly ``round(sparsity * size)`` of smallest magnitude are False.

    Among equal magnitudes the earlier place goes first, so the mask depends on nothing but the values.
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
    """``weight`` with its smallest magnitudes set to zero (see ``magnitude_mask``); itself if ``sparsity`` is 0."""
    return np.where(magnitude_mask(weight, sparsity), weight, np.float32(0)) if sparsity else weight


def pack(dense: Array) -> tuple[NDArray[np.uint8], Array]:
    """Bits ``[ceil(size / 8)]``, least significant first, set where ``dense`` is not zero; and the non-zeros."""
    flat = dense.ravel()
    kept = flat != 0
    return pack_mask(kept), flat[kept]


def unpack(bits: NDArray[np.uint8], values: Array, shape: tuple[int, ...]) -> Array:
    """The dense array of ``shape`` that ``pack`` was given."""
    flat = np.zeros(int(np.prod(shape)), values.dtype)
    flat[unpack_mask(bits, flat.size)] = values
    return flat.reshape(shape)


def pack_mask(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Eight places a byte, the first in the least significant bit; the last byte is filled up with zeros."""
    return np.packbits(mask.ravel(), bitorder="little")


def unpack_mask(bits: NDArray[np.uint8], size: int) -> NDArray[np.bool_]:
    """The flat mask ``[size]`` that ``pack_mask`` was given."""
    return np.unpackbits(bits, count=size, bitorder="little").astype(bool)
