"""Lists the matrices of a CNN and the terms of its latency."""

from __future__ import annotations

from collections.abc import Iterator

from autocompress.students.cnn.configuration import CNNConfiguration
from autocompress.students.pooled.costs import KILO, shared_terms, weight_settings
from autocompress.students.student_type import Matrix

LATENCY_PRIOR = {
    "call": 0.012,
    "word_channels": 0.0082,
    "layers": 0.0022,
    "layer_channels": 0.025,
    "int8_products": 0.053,
    "float_products": 0.34,
    "window_channels": 0.013,
}


def matrices(configuration: CNNConfiguration) -> Iterator[Matrix]:
    """Yield the filters of each layer as a matrix [filters, kernel size * input channels]."""
    filters, settings = configuration.hidden_size, weight_settings(configuration)
    for layer in range(configuration.num_layers):
        incoming = configuration.embedding_size if layer == 0 else filters
        yield Matrix(filters, configuration.kernel_size * incoming, settings)


def latency_terms(configuration: CNNConfiguration) -> dict[str, float]:
    """Return the latency terms under the names of ``LATENCY_PRIOR``; products are in millions, channels in thousands.

    ``window_channels`` counts the copies of tokens in the windows: below 32 bits each is quantized at run time.
    """
    kernel, wide = configuration.kernel_size, configuration.weight_bits == 32
    channels = configuration.embedding_size + (configuration.num_layers - 1) * configuration.hidden_size
    copied = kernel * channels * (kernel > 1) * (not wide) / KILO
    return {**shared_terms(configuration, matrices(configuration)), "window_channels": copied}
