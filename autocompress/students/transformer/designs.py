"""Lists the sub-networks of the teacher's encoder that a search measures first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from autocompress.domain.shape import EncoderShape
from autocompress.students.choice import scaled
from autocompress.students.transformer.configuration import ExitConfiguration, TransformerConfiguration

Widths = tuple[float, float, float]
"""Fractions of the teacher's hidden size, heads and intermediate size."""
FULL: Widths = (1, 1, 1)
HALF: Widths = (1, 1 / 2, 1 / 2)
NARROW_HALF: Widths = (2 / 3, 1 / 2, 1 / 2)
THIRD: Widths = (2 / 3, 1 / 3, 1 / 3)
QUARTER: Widths = (1 / 2, 1 / 4, 1 / 6)
SMALL: Widths = (1 / 3, 1 / 6, 1 / 12)


def designs(shape: EncoderShape, *, exits: bool) -> Iterator[tuple[int, TransformerConfiguration]]:
    """Yield sub-networks from the teacher in 8 bits to one narrow layer, each with its rank among all designs.

    On a small teacher some are equal.
    """
    # Their thresholds are confidences, which a regression has none of.
    maker = _Maker(shape, exits and shape.num_outputs > 1)
    every, first, two, split = maker.spread(shape.num_hidden_layers), (0,), maker.first(2), maker.halves()
    four, three = maker.spread(4), maker.spread(3)
    yield 0, maker.design(every, FULL)
    yield 5, maker.design(four, THIRD)
    yield 6, maker.design(every, HALF, bits=2, embedding_bits=4, vocabulary=8000)
    yield 7, maker.design(first, THIRD)
    yield 10, maker.design(four, THIRD, threshold=0.9)
    yield 11, maker.design(every, HALF)
    yield 12, maker.design(two, THIRD)
    yield 13, maker.design(every, FULL, bits=4)
    yield 14, maker.design(every, FULL, embedding_bits=4)
    yield 15, maker.design(four, HALF)
    yield 16, maker.design(every, FULL, sparsity=0.5)
    yield 17, maker.design(two, QUARTER, embedding_bits=4, vocabulary=8000)
    yield 18, maker.design(every, NARROW_HALF)
    yield 19, maker.design(split, THIRD, threshold=0.9)
    yield 20, maker.design(every, FULL, threshold=0.9)
    yield 21, maker.design(two, HALF)
    yield 22, maker.design(three, THIRD)
    yield 23, maker.design(four, THIRD, threshold=0.9, embedding_bits=4, vocabulary=8000)
    yield 24, maker.design(three, THIRD, threshold=0.8, embedding_bits=4, vocabulary=8000)
    yield 25, maker.design(four, QUARTER)
    yield 26, maker.design(four, THIRD, bits=4, embedding_bits=4, vocabulary=8000)
    yield 27, maker.design(first, SMALL, embedding_bits=4, vocabulary=4000)


class _Maker:
    """Turns fractions of the teacher's sizes into configurations; without ``exits`` these have no early exits."""

    def __init__(self, shape: EncoderShape, exits: bool) -> None:
        self._shape, self._exits = shape, exits

    def spread(self, count: int) -> tuple[int, ...]:
        """Return ``count`` layers spread evenly from the first to the last, such as 0, 1, 3, 5 for 4 of 6."""
        depth = self._shape.num_hidden_layers
        if count >= depth:
            return tuple(range(depth))
        return tuple(sorted({place * (depth - 1) // (count - 1) for place in range(count)}))

    def first(self, count: int) -> tuple[int, ...]:
        return tuple(range(min(count, self._shape.num_hidden_layers)))

    def halves(self) -> tuple[int, ...]:
        return tuple(sorted({0, self._shape.num_hidden_layers // 2}))

    def design(
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
        """Return a configuration with the same ``widths``, bits and sparsity in each of ``layers``.

        With a threshold there are exits after the first two layers, but not after the last.
        """
        shape = self._shape
        hidden, heads, intermediate = widths
        configuration = TransformerConfiguration.uniform(
            shape,
            bits,
            layers=layers,
            hidden_size=scaled(shape.hidden_size, hidden),
            num_attention_heads=scaled(shape.num_attention_heads, heads, 1),
            intermediate_size=scaled(shape.intermediate_size, intermediate),
            vocabulary_size=min(vocabulary or shape.vocab_size, shape.vocab_size),
            embedding_bits=embedding_bits,
            sparsity=sparsity,
        )
        if threshold is None or not self._exits or len(layers) < 2:
            return configuration
        return replace(configuration, exit=ExitConfiguration(layers[:-1][:2], threshold))
