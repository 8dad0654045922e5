"""Defines the fields that students without attention share, and checks them."""

from __future__ import annotations

from autocompress.students.configuration import Configuration, at_least, check_bits, check_sparsity


class PooledConfiguration(Configuration):
    """Base of the configurations of students without attention.

    ``embedding_size`` is the number of leading channels of the teacher's word embeddings that are used.
    """

    embedding_size: int
    hidden_size: int
    num_layers: int
    weight_bits: int
    sparsity: float

    def check(self) -> None:
        """Raise InputError for a size below 1, bits that are not supported or a sparsity out of range."""
        for name in ("embedding_size", "hidden_size", "num_layers", "vocabulary_size"):
            at_least(name, getattr(self, name), 1)
        check_bits("weight_bits", self.weight_bits)
        check_bits("embedding_bits", self.embedding_bits)
        check_sparsity(self)
