"""Declares what student types without attention share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    """Base of student types that read the teacher's word embeddings; their sizes vary wherever the type is in a space.

    ``modules`` are the first parts of the names of the type's own weights, such as ``conv``.
    """

    modules: ClassVar[tuple[str, ...]]
    always_free = frozenset({"architecture"})
    from_teacher = False

    def settings_of(self, weight: str, configuration: PooledConfiguration) -> LinearSettings | None:
        """Return the settings of a weight, None for an unknown name.

        The embeddings have ``embedding_bits``, the type's own matrices ``weight_bits``, and the head's first layer 8
        (or 32 with 32-bit matrices); the others stay in float32.
        """
        part, _, rest = weight.partition(".")
        if weight == "embeddings.word":
            return LinearSettings(configuration.embedding_bits)
        if part == "head":
            return LinearSettings(side_bits(configuration.weight_bits)) if rest == "dense.weight" else FLOAT
        if part in self.modules:
            return FLOAT if rest.endswith("bias") else weight_settings(configuration)
        return None

    def table_width(self, configuration: PooledConfiguration, shape: EncoderShape) -> int:
        """Return the number of embedding channels that are used."""
        return configuration.embedding_size


def sizes(
    shape: EncoderShape, embedding: float, hidden_size: int, num_layers: int, vocabulary: int | None = None
) -> dict[str, Any]:
    """Return the sizes of a configuration that reads the fraction ``embedding`` of the teacher's embedding channels.

    It keeps ``vocabulary`` tokens, or all where that is None or more than the teacher has.
    """
    return {
        "embedding_size": scaled(shape.embedding_size, embedding),
        "hidden_size": hidden_size,
        "num_layers": num_layers,
        "vocabulary_size": shape.vocab_size if vocabulary is None else min(vocabulary, shape.vocab_size),
    }
