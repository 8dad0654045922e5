"""Defines the configuration of a student that aligns the two texts of a pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from autocompress.students.alignment.encoders import ENCODERS
from autocompress.students.configuration import Extra
from autocompress.students.pooled.configuration import PooledConfiguration
from autocompress.system.errors import InputError


@dataclass(frozen=True)
class AlignmentConfiguration(PooledConfiguration):
    """Describes soft alignments of two texts (Parikh et al. 2016; with an encoder as in ESIM, Chen et al. 2017).

    ``embedding_size`` is the number of leading channels of the word vectors that are used, ``hidden_size`` the width of
    everything above them, ``encoder`` one of ``ENCODERS``, ``num_layers`` how often the texts are aligned in turn.
    """

    embedding_size: int
    hidden_size: int
    num_layers: int
    encoder: str
    vocabulary_size: int
    weight_bits: int = 8
    embedding_bits: int = 8
    sparsity: float = 0.0
    extra: Extra = ()
    student: ClassVar[str] = "alignment"

    def __post_init__(self) -> None:
        self.check()
        if self.encoder not in ENCODERS:
            raise InputError(f"encoder must be one of {', '.join(ENCODERS)}, but got {self.encoder!r}")
        if self.hidden_size % 2:
            raise InputError(f"hidden_size must be even, half for each direction, but got {self.hidden_size}")
