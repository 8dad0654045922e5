"""Defines what the records of students without attention share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autocompress.domain.shape import EncoderShape
from autocompress.students.choice import scaled
from autocompress.students.linear_forms import LinearSettings
from autocompress.students.pooled.configuration import PooledConfiguration
from autocompress.students.pooled.costs import weight_settings
from autocompress.students.student_type import StudentType
from autocompress.students.weight_settings import FLOAT, side_bits

if TYPE_CHECKING:
    from typing import ClassVar


class PooledStudent(StudentType):
    """A student over the teacher's word vectors; its sizes vary wherever the type does.

    ``module`` is the first part of the names of its own weights, such as ``conv``.
    """

    module: ClassVar[str]
    always_free = frozenset({"architecture"})
    from_teacher = False

    def settings_of(self, weight: str, configuration: PooledConfiguration) -> LinearSettings | None:
        """The embeddings' bits, the weights' for the type's own matrices, 8 bits beside them for the head."""
        part, _, rest = weight.partition(".")
        if weight == "embeddings.word":
            return LinearSettings(configuration.embedding_bits)
        if part == "head":
            return LinearSettings(side_bits(configuration.weight_bits)) if rest == "dense.weight" else FLOAT
        if part == self.module:
            return FLOAT if rest.endswith("bias") else weight_settings(configuration)
        return None

    def table_width(self, configuration: PooledConfiguration, shape: EncoderShape) -> int:
        """The channels that are read."""
        return configuration.embedding_size


def channels(shape: EncoderShape, fraction: float) -> int:
    """A fraction of the teacher's channels."""
    return scaled(shape.embedding_size, fraction)


def tokens(shape: EncoderShape, count: int | None) -> int:
    """So many tokens, or all where the teacher has fewer."""
    return shape.vocab_size if count is None else min(count, shape.vocab_size)
