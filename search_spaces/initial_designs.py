"""Designs known to do well, measured before a sampler has anything to learn from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from autocompress.domain.shape import EncoderShape
from autocompress.students.configuration import (
    BiLSTMConfiguration,
    CNNConfiguration,
    Configuration,
    ExitConfiguration,
    TransformerConfiguration,
)
from search_spaces.choice import scaled

Widths = tuple[float, float, float]
FULL: Widths = (1, 1, 1)
HALF: Widths = (1, 1 / 2, 1 / 2)
NARROW_HALF: Widths = (2 / 3, 1 / 2, 1 / 2)
THIRD: Widths = (2 / 3, 1 / 3, 1 / 3)
QUARTER: Widths = (1 / 2, 1 / 4, 1 / 6)
SMALL: Widths = (1 / 3, 1 / 6, 1 / 12)


def designs(shape: EncoderShape, regression: bool) -> Iterator[Configuration]:
    """Uniform int8 first, then each student type from near the teacher to tiny, then more sub-networks; may repeat."""
    maker = _Maker(shape, regression)
    every, first, two, split = maker.spread(shape.num_hidden_layers), (0,), maker.first(2), maker.halves()
    four, three = maker.spread(4), maker.spread(3)
    yield maker.transformer(every, FULL)
    yield maker.cnn(1 / 6, 64, 1, 4000, embedding_bits=4)
    yield maker.bilstm(1 / 6, 32, 1, 4000, embedding_bits=4)
    yield maker.bilstm(1 / 3, 64, 1, 8000)
    yield maker.cnn(1 / 3, 128, 2, 8000)
    yield maker.transformer(four, THIRD)
    yield maker.transformer(every, HALF, bits=2, embedding_bits=4, vocabulary=8000)
    yield maker.transformer(first, THIRD)
    yield maker.cnn(2 / 3, 256, 3)
    yield maker.bilstm(1, 128, 1)
    yield maker.transformer(four, THIRD, threshold=0.9)
    yield maker.transformer(every, HALF)
    yield maker.transformer(two, THIRD)
    yield maker.transformer(every, FULL, bits=4)
    yield maker.transformer(every, FULL, embedding_bits=4)
    yield maker.transformer(four, HALF)
    yield maker.transformer(every, FULL, sparsity=0.5)
    yield maker.transformer(two, QUARTER, embedding_bits=4, vocabulary=8000)
    yield maker.transformer(every, NARROW_HALF)
    yield maker.transformer(split, THIRD, threshold=0.9)
    yield maker.transformer(every, FULL, threshold=0.9)
    yield maker.transformer(two, HALF)
    yield maker.transformer(three, THIRD)
    yield maker.transformer(four, THIRD, threshold=0.9, embedding_bits=4, vocabulary=8000)
    yield maker.transformer(three, THIRD, threshold=0.8, embedding_bits=4, vocabulary=8000)
    yield maker.transformer(four, QUARTER)
    yield maker.transformer(four, THIRD, bits=4, embedding_bits=4, vocabulary=8000)
    yield maker.transformer(first, SMALL, embedding_bits=4, vocabulary=4000)


class _Maker:
    """Turns fractions of the teacher into configurations; without exits for regression, where none exist."""

    def __init__(self, shape: EncoderShape, regression: bool) -> None:
        self._shape = shape
        self._regression = regression

    def spread(self, count: int) -> tuple[int, ...]:
        """``count`` layers from the first to the last, such as 0, 1, 3, 5 for 4 of 6."""
        depth = self._shape.num_hidden_layers
        if count >= depth:
            return tuple(range(depth))
        return tuple(sorted({place * (depth - 1) // (count - 1) for place in range(count)}))

    def first(self, count: int) -> tuple[int, ...]:
        return tuple(range(min(count, self._shape.num_hidden_layers)))

    def halves(self) -> tuple[int, ...]:
        return tuple(sorted({0, self._shape.num_hidden_layers // 2}))

    def transformer(
        self,
        layers: tuple[int, ...],
        widths: Widths,
        *,
        bits: int = 8,
        embedding_bits: int | None = None,
        vocabulary: int | None = None,
        sparsity: float = 0.0,
        threshold: float | None = None,
    ) -> TransformerConfiguration:
        """The same ``widths`` (fractions of hidden size, heads, intermediate size) in each of ``layers``.

        With a threshold, exits stand after the first two layers.
        """
        hidden, heads, intermediate = widths
        configuration = TransformerConfiguration.uniform(
            self._shape,
            bits,
            layers=layers,
            hidden_size=scaled(self._shape.hidden_size, hidden),
            num_attention_heads=scaled(self._shape.num_attention_heads, heads, 1),
            intermediate_size=scaled(self._shape.intermediate_size, intermediate),
            vocabulary_size=self._vocabulary(vocabulary),
            embedding_bits=embedding_bits,
            sparsity=sparsity,
        )
        if threshold is None or self._regression or len(layers) < 2:
            return configuration
        return replace(configuration, exit=ExitConfiguration(layers[:-1][:2], threshold))

    def bilstm(
        self, embedding: float, hidden_size: int, depth: int, vocabulary: int | None = None, embedding_bits: int = 8
    ) -> BiLSTMConfiguration:
        return BiLSTMConfiguration(
            embedding_size=scaled(self._shape.embedding_size, embedding),
            hidden_size=hidden_size,
            num_layers=depth,
            vocabulary_size=self._vocabulary(vocabulary),
            embedding_bits=embedding_bits,
        )

    def cnn(
        self,
        embedding: float,
        hidden_size: int,
        depth: int,
        vocabulary: int | None = None,
        embedding_bits: int = 8,
    ) -> CNNConfiguration:
        return CNNConfiguration(
            embedding_size=scaled(self._shape.embedding_size, embedding),
            hidden_size=hidden_size,
            num_layers=depth,
            kernel_size=3,
            vocabulary_size=self._vocabulary(vocabulary),
            embedding_bits=embedding_bits,
        )

    def _vocabulary(self, size: int | None) -> int:
        return self._shape.vocab_size if size is None else min(size, self._shape.vocab_size)
