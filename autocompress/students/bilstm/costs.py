"""Lists the matrices of a BiLSTM and the terms of its latency."""

from __future__ import annotations

from collections.abc import Iterator

from autocompress.students.bilstm.configuration import BiLSTMConfiguration
from autocompress.students.pooled.costs import MEGA, shared_terms, weight_settings
from autocompress.students.student_type import Matrix

LATENCY_PRIOR = {
    "call": 0.015,
    "word_channels": 0.026,
    "layers": 0.013,
    "layer_channels": 0.18,
    "int8_products": 0.071,
    "float_products": 0.16,
    "recurrent_products": 0.25,
    "float_recurrent_products": 0.47,
}


def matrices(configuration: BiLSTMConfiguration) -> Iterator[Matrix]:
    """Yield the input and the recurrent matrix, each for all four gates, of every layer and direction."""
    units, settings = configuration.hidden_size, weight_settings(configuration)
    for layer in range(configuration.num_layers):
        incoming = configuration.embedding_size if layer == 0 else 2 * units
        for _direction in range(2):
            yield Matrix(4 * units, incoming, settings)
            yield Matrix(4 * units, units, settings)


def latency_terms(configuration: BiLSTMConfiguration) -> dict[str, float]:
    """Return the latency terms under the names of ``LATENCY_PRIOR``; products are in millions, channels in thousands.

    Recurrent products have terms of their own, since they cannot be computed for all tokens at once.
    """
    recurrent = 8 * configuration.hidden_size**2 * configuration.num_layers / MEGA
    shared = shared_terms(configuration, matrices(configuration))
    wide = configuration.weight_bits == 32
    return {**shared, "recurrent_products": recurrent, "float_recurrent_products": recurrent * wide}
