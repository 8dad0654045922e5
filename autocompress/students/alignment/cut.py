"""Cuts a sub-network out of the network that aligns two texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from autocompress.domain.shape import EncoderShape
from autocompress.students.alignment.configuration import AlignmentConfiguration
from autocompress.students.alignment.encoders import ENCODERS
from autocompress.students.cutting import Array, fits
from autocompress.students.pooled.cut import head_slices, leading_blocks

COMPARED = 4
"""Vectors that are compared for each token: its own, what it finds in the other text, their distance and product."""
POOLED = 8
"""Vectors that the head reads: mean and maximum of each text, the texts' differences and their products."""
SAME, PADDING = -1e3, -4e3
"""Added to the scores of tokens of the same text and of padding, so that a token sees the other text, if any."""


def alignments(names: Iterable[str]) -> int:
    """Return the number of alignments of a network whose weights have these names."""
    return sum(name.startswith("align.") and name.endswith(".query.bias") for name in names)


def slice_alignment(
    arrays: Mapping[str, Array], shape: EncoderShape, configuration: AlignmentConfiguration
) -> dict[str, Array]:
    """Return views of the leading channels and alignments, and of the encoder of the configuration.

    ``shape`` is not used. InputError if a size of the configuration is above that of the network.
    """
    embedding, width = configuration.embedding_size, configuration.hidden_size
    fits("embedding_size", embedding, arrays["embeddings.word"].shape[1])
    fits("hidden_size", width, len(arrays["project.bias"]))
    fits("num_layers", configuration.num_layers, alignments(arrays))
    slices = {
        "embeddings.word": arrays["embeddings.word"][:, :embedding],
        "project.weight": arrays["project.weight"][:width, :embedding],
        "project.bias": arrays["project.bias"][:width],
    }
    slices |= ENCODERS[configuration.encoder].slices(arrays, width)
    for layer in range(configuration.num_layers):
        for part, blocks in (("query", 1), ("compare", COMPARED), ("merge", 1)):
            slices |= leading_blocks(arrays, f"align.{layer}.{part}", blocks, width)
    return slices | head_slices(arrays, POOLED, width)
