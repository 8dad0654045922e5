"""Cuts sub-networks out of super-networks by prefixes of weights that stand in order of importance.

The slices are written once, for numpy arrays and torch tensors alike: the elastic networks run on the views of their
own parameters, and the emitter gets copies. So a cut network computes what the elastic one computed.
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
    """InputError if more is asked for than the network has."""
    if asked > largest:
        raise InputError(f"{name} must be at most the network's {largest}, but got {asked}")


def copies(slices: Mapping[str, Any]) -> Arrays:
    """Float32 arrays in C order."""
    return {name: np.array(array, dtype=np.float32, order="C") for name, array in slices.items()}


def cut(arrays: Arrays, shape: EncoderShape, configuration: Configuration) -> Arrays:
    """Weights of the sub-network; the vocabulary is whole, for the graph cuts it."""
    return STUDENTS[configuration.student].cut(arrays, shape, configuration)
