"""Lists the CNNs that a search measures first."""

from __future__ import annotations

from collections.abc import Iterator

from autocompress.domain.shape import EncoderShape
from autocompress.students.cnn.configuration import CNNConfiguration
from autocompress.students.pooled.student import channels, tokens


def designs(shape: EncoderShape) -> Iterator[tuple[int, CNNConfiguration]]:
    """Yield a tiny, a small and a large CNN, each with its rank among the designs of all types."""
    yield 1, design(shape, 1 / 6, 64, 1, 4000, embedding_bits=4)
    yield 4, design(shape, 1 / 3, 128, 2, 8000)
    yield 8, design(shape, 2 / 3, 256, 3)


def design(
    shape: EncoderShape,
    embedding: float,
    hidden_size: int,
    num_layers: int,
    vocabulary: int | None = None,
    *,
    embedding_bits: int = 8,
) -> CNNConfiguration:
    """Return a CNN that uses the fraction ``embedding`` of the teacher's embedding channels.

    Without ``vocabulary`` it keeps all tokens.
    """
    return CNNConfiguration(
        embedding_size=channels(shape, embedding),
        hidden_size=hidden_size,
        num_layers=num_layers,
        kernel_size=3,
        vocabulary_size=tokens(shape, vocabulary),
        embedding_bits=embedding_bits,
    )
