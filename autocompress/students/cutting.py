"""Cuts sub-networks out of super-networks: the leading heads, neurons and channels, which are sorted by importance.

Each student type slices its weights in one function, for numpy arrays and torch tensors alike: an elastic network runs
on views of its own parameters, and the emitter gets copies. So both compute the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from autocompress.domain.shape import EncoderShape
from autocompress.networks.weights import Arrays
from autocompress.students.configuration import Configuration
from autocompress.students.registry import STUDENTS
from autocompress.system.errors import InputError

if TYPE_CHECKING:
    import torch

    Array = TypeVar("Array", np.ndarray[Any, Any], torch.Tensor)
else:
    Array = TypeVar("Array")


def fits(name: str, asked: int, largest: int) -> None:
    """Raise InputError if the size ``asked`` for ``name`` is above ``largest``, that of the network.

    >>> fits("hidden_size", 512, 384)
    Traceback (most recent call last):
    autocompress.system.errors.InputError: hidden_size must be at most the network's 384, but got 512
    """
    if asked > largest:
        raise InputError(f"{name} must be at most the network's {largest}, but got {asked}")


def copies(slices: Mapping[str, Any]) -> Arrays:
    """Return copies of slices as float32 arrays in C order."""
    return {name: np.array(array, dtype=np.float32, order="C") for name, array in slices.items()}


def cut(arrays: Arrays, shape: EncoderShape, configuration: Configuration) -> Arrays:
    """Return copies of the weights of the sub-network that ``configuration`` describes, under canonical names.

    ``arrays`` and ``shape`` are those of the super-network or the teacher. The embedding table keeps all its rows,
    since the emitter selects those of a reduced vocabulary. InputError if a size is above that of the network.
    """
    return STUDENTS[configuration.student].cut(arrays, shape, configuration)
