"""Lists the matrices of a student with alignments and the terms of its latency."""

from __future__ import annotations

from collections.abc import Iterator

from autocompress.students.alignment.configuration import AlignmentConfiguration
from autocompress.students.alignment.cut import COMPARED
from autocompress.students.alignment.encoders import ENCODERS
from autocompress.students.pooled.costs import shared_terms, weight_settings
from autocompress.students.student_type import Matrix

LATENCY_PRIOR = {
    "call": 0.036,
    "word_channels": 0.011,
    "layers": 0.0078,
    "layer_channels": 0.14,
    "int8_products": 0.27,
    "float_products": 0.57,
    "window_channels": 0.039,
    "lstm": 0.036,
    "lstm_channels": 0.22,
    "recurrent_products": 0.5,
    "float_recurrent_products": 0.47,
}


def matrices(configuration: AlignmentConfiguration) -> Iterator[Matrix]:
    """Yield the projection of the word vectors, the encoder's matrices, and those of each alignment."""
    width, settings = configuration.hidden_size, weight_settings(configuration)
    yield Matrix(width, configuration.embedding_size, settings)
    yield from ENCODERS[configuration.encoder].matrices(width, settings)
    for _layer in range(configuration.num_layers):
        for columns in (width, COMPARED * width, width):
            yield Matrix(width, columns, settings)


def latency_terms(configuration: AlignmentConfiguration) -> dict[str, float]:
    """Return the latency terms under the names of ``LATENCY_PRIOR``; products are in millions, channels in thousands.

    Those of encoders that the configuration does not have are 0.
    """
    wide = configuration.weight_bits == 32
    encoder = ENCODERS[configuration.encoder].latency_terms(configuration.hidden_size, wide=wide)
    return {
        **dict.fromkeys(LATENCY_PRIOR, 0.0),
        **shared_terms(configuration, matrices(configuration)),
        **encoder,
    }
