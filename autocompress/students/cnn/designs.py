"""Lists the CNNs that a search measures first."""

from __future__ import annotations

from collections.abc import Iterator

from autocompress.domain.shape import EncoderShape
from autocompress.students.cnn.configuration import CNNConfiguration
from autocompress.students.pooled.student import sizes


def designs(shape: EncoderShape) -> Iterator[tuple[int, CNNConfiguration]]:
    """Yield a tiny, a small and a large CNN, each with its rank among the designs of all types."""
    yield 1, CNNConfiguration(**sizes(shape, 1 / 6, 64, 1, 4000), kernel_size=3, embedding_bits=4)
    yield 4, CNNConfiguration(**sizes(shape, 1 / 3, 128, 2, 8000), kernel_size=3)
    yield 8, CNNConfiguration(**sizes(shape, 2 / 3, 256, 3), kernel_size=3)
