"""Defines the configuration of a BiLSTM student."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from autocompress.students.configuration import Extra
from autocompress.students.pooled.configuration import PooledConfiguration


@dataclass(frozen=True)
class BiLSTMConfiguration(PooledConfiguration):
    """Describes a bidirectional LSTM over the teacher's word embeddings (survey 3.3; Tang et al. 2019).

    ``hidden_size`` is per direction; ``embedding_size`` is the number of leading channels of the teacher's word
    embeddings that are used.
    """

    embedding_size: int
    hidden_size: int
    num_layers: int
    vocabulary_size: int
    weight_bits: int = 8
    embedding_bits: int = 8
    sparsity: float = 0.0
    extra: Extra = ()
    student: ClassVar[str] = "bilstm"

    def __post_init__(self) -> None:
        self.check()
