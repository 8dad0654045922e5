"""Defines the configuration of a CNN student."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from autocompress.students.configuration import Extra, at_least
from autocompress.students.pooled.configuration import PooledConfiguration
from autocompress.system.errors import InputError


@dataclass(frozen=True)
class CNNConfiguration(PooledConfiguration):
    """Describes convolutions over the teacher's word embeddings (survey 3.3; Kim 2014, AdaBERT).

    ``embedding_size`` is the number of leading channels of the embeddings that are used, ``hidden_size`` the number of
    filters, ``kernel_size`` the odd number of tokens in a window. Layers after the first are residual.
    """

    embedding_size: int
    hidden_size: int
    num_layers: int
    kernel_size: int
    vocabulary_size: int
    weight_bits: int = 8
    embedding_bits: int = 8
    sparsity: float = 0.0
    extra: Extra = ()
    student: ClassVar[str] = "cnn"

    def __post_init__(self) -> None:
        self.check()
        at_least("kernel_size", self.kernel_size, 1)
        if self.kernel_size % 2 == 0:
            raise InputError(f"kernel_size must be odd and positive, but got {self.kernel_size}")
