"""Defines the latency terms that students without attention share."""

from __future__ import annotations

from collections.abc import Iterable

from autocompress.students.linear_forms import LinearSettings, form_of
from autocompress.students.pooled.configuration import PooledConfiguration
from autocompress.students.student_type import Matrix

KILO, MEGA = 1e3, 1e6


def weight_settings(configuration: PooledConfiguration) -> LinearSettings:
    """Return how the matrices between the embeddings and the head are stored."""
    return LinearSettings(configuration.weight_bits, configuration.sparsity, configuration.extra)


def shared_terms(configuration: PooledConfiguration, matrices: Iterable[Matrix]) -> dict[str, float]:
    """Return the latency terms that BiLSTMs and CNNs share; products are in millions, channels in thousands."""
    depth, wide = configuration.num_layers, configuration.weight_bits == 32
    products = sum(form_of(m.settings).multiplications(m.rows, m.columns, m.settings) for m in matrices) / MEGA
    return {
        "call": 1.0,
        "word_channels": configuration.embedding_size / KILO,
        "layers": depth,
        "layer_channels": configuration.hidden_size * depth / KILO,
        "int8_products": products * (not wide),
        "float_products": products * wide,
    }
