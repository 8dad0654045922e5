"""Lists the BiLSTMs that a search measures first."""

from __future__ import annotations

from collections.abc import Iterator

from autocompress.domain.shape import EncoderShape
from autocompress.students.bilstm.configuration import BiLSTMConfiguration
from autocompress.students.pooled.student import sizes


def designs(shape: EncoderShape) -> Iterator[tuple[int, BiLSTMConfiguration]]:
    """Yield a tiny, a small and a large BiLSTM, each with its rank among the designs of all types."""
    yield 2, BiLSTMConfiguration(**sizes(shape, 1 / 6, 32, 1, 4000), embedding_bits=4)
    yield 3, BiLSTMConfiguration(**sizes(shape, 1 / 3, 64, 1, 8000))
    yield 9, BiLSTMConfiguration(**sizes(shape, 1, 128, 1))
