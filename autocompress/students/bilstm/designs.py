"""Lists the BiLSTMs that a search measures first."""

from __future__ import annotations

from collections.abc import Iterator

from autocompress.domain.shape import EncoderShape
from autocompress.students.bilstm.configuration import BiLSTMConfiguration
from autocompress.students.pooled.student import channels, tokens


def designs(shape: EncoderShape) -> Iterator[tuple[int, BiLSTMConfiguration]]:
    """Yield a tiny, a small and a large BiLSTM, each with its rank among the designs of all types."""
    yield 2, design(shape, 1 / 6, 32, 1, 4000, embedding_bits=4)
    yield 3, design(shape, 1 / 3, 64, 1, 8000)
    yield 9, design(shape, 1, 128, 1)


def design(
    shape: EncoderShape,
    embedding: float,
    hidden_size: int,
    num_layers: int,
    vocabulary: int | None = None,
    *,
    embedding_bits: int = 8,
) -> BiLSTMConfiguration:
    """Return a BiLSTM that uses the fraction ``embedding`` of the teacher's embedding channels.

    Without ``vocabulary`` it keeps all tokens.
    """
    return BiLSTMConfiguration(
        embedding_size=channels(shape, embedding),
        hidden_size=hidden_size,
        num_layers=num_layers,
        vocabulary_size=tokens(shape, vocabulary),
        embedding_bits=embedding_bits,
    )
