"""Lists the students with alignments that a search measures first."""

from __future__ import annotations

from collections.abc import Iterator

from autocompress.domain.shape import EncoderShape
from autocompress.students.alignment.configuration import AlignmentConfiguration
from autocompress.students.pooled.student import sizes


def designs(shape: EncoderShape) -> Iterator[tuple[float, AlignmentConfiguration]]:
    """Yield networks from tiny to large, each with its rank among the designs of all types."""
    yield 0.1, AlignmentConfiguration(**sizes(shape, 1 / 3, 128, 1), encoder="cnn")
    yield 0.2, AlignmentConfiguration(**sizes(shape, 1 / 3, 64, 1, 8000), encoder="none")
    yield 0.3, AlignmentConfiguration(**sizes(shape, 1 / 2, 128, 1, 16000), encoder="cnn")
    yield 0.4, AlignmentConfiguration(**sizes(shape, 1 / 6, 64, 1, 4000), encoder="none", embedding_bits=4)
    yield 0.6, AlignmentConfiguration(**sizes(shape, 1 / 3, 128, 1), encoder="bilstm")
    yield 0.7, AlignmentConfiguration(**sizes(shape, 1 / 2, 128, 2), encoder="cnn")
