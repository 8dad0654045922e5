"""What a configuration's latency and file consist of: terms whose weights are fitted to measured files.

The terms of a file's latency are work per token (multiply-accumulates by precision, normalised channels) and overhead
per layer, where the work of an encoder layer counts as often as requests reach it; those of its size are bytes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from autocompress.domain.shape import EncoderShape
from autocompress.students.configuration import (
    BiLSTMConfiguration,
    CNNConfiguration,
    Configuration,
    TransformerConfiguration,
)

Confidences = NDArray[np.float32]
MEGA, KILO = 1e6, 1e3
LATENCY_PRIOR = {
    "transformer": np.array([0.005, 0.1, 0.005, 0.01, 0.042, 0.3, 0.03, 0.03, 0.066]),
    "bilstm": np.array([0.015, 0.026, 0.013, 0.18, 0.071, 0.16, 0.25, 0.47]),
    "cnn": np.array([0.012, 0.0082, 0.0022, 0.025, 0.053, 0.34, 0.013]),
}
"""Weights of the terms in milliseconds, for texts of 25 tokens on one core of an AMD EPYC; their ratios matter."""
SIZE_PRIOR = np.array([19e3, 1e6, 1e6, 5e3, 4e3])
"""Weights of the terms in bytes."""


def reach(configuration: TransformerConfiguration, confidences: Confidences | None) -> NDArray[np.float64]:
    """Share of requests that reach each kept layer, [L].

    ``confidences`` [layers of the teacher, requests] are those of an exit after each layer; without them nothing exits.
    """
    kept = [layer.index for layer in configuration.layers]
    shares = np.ones(len(kept))
    if configuration.exit is None or confidences is None or not confidences.size:
        return shares
    inside = np.ones(confidences.shape[1], bool)
    for place, index in enumerate(kept[:-1]):
        if index in configuration.exit.layers:
            inside &= confidences[index] <= configuration.exit.threshold
        shares[place + 1] = inside.mean()
    return shares


def latency_terms(
    configuration: Configuration, shape: EncoderShape, confidences: Confidences | None
) -> NDArray[np.float64]:
    """Terms of the mean latency of one student type, of the same length and meaning for all its configurations."""
    if isinstance(configuration, TransformerConfiguration):
        return _transformer_latency(configuration, shape, reach(configuration, confidences))
    hidden, depth, wide = configuration.hidden_size, configuration.num_layers, configuration.weight_bits == 32
    products = _student_weights(configuration) / MEGA
    if isinstance(configuration, BiLSTMConfiguration):
        recurrent = 8 * hidden * hidden * depth / MEGA
        rest = [recurrent, recurrent * wide]
    else:
        kernel, channels = configuration.kernel_size, configuration.embedding_size + (depth - 1) * hidden
        rest = [kernel * channels * (kernel > 1) * (not wide) / KILO]
    shared = [1.0, configuration.embedding_size / KILO, depth, hidden * depth / KILO]
    return np.array([*shared, products * (not wide), products * wide, *rest])


def size_terms(configuration: Configuration, shape: EncoderShape) -> NDArray[np.float64]:
    """Bytes of the embedding table, of the weights, and of everything else (per file and per layer), in millions."""
    words = shape.embedding_size
    if isinstance(configuration, TransformerConfiguration):
        words = configuration.hidden_size if shape.embedding_size == shape.hidden_size else shape.embedding_size
        weights = sum(_bytes(count, bits, zeros) for count, bits, zeros in _layer_weights(configuration, shape))
        positions = shape.max_positions * configuration.hidden_size
        weights += _bytes(positions, configuration.embedding_bits)
        depth = len(configuration.layers)
    else:
        words, depth = configuration.embedding_size, configuration.num_layers
        weights = _bytes(_student_weights(configuration), configuration.weight_bits, configuration.sparsity)
    rows = configuration.vocabulary_size
    table = _bytes(rows * words, configuration.embedding_bits) + (2 * rows if configuration.embedding_bits < 32 else 0)
    return np.array([1.0, table / MEGA, weights / MEGA, depth, configuration.vocabulary_size < shape.vocab_size])


def _transformer_latency(
    configuration: TransformerConfiguration, shape: EncoderShape, shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    hidden = configuration.hidden_size
    terms = np.zeros(6)
    for layer, share in zip(configuration.layers, shares, strict=True):
        attention = 4 * hidden * layer.num_attention_heads * shape.head_size
        feed_forward = 2 * hidden * layer.intermediate_size
        wide = attention * (layer.attention_bits == 32) + feed_forward * (layer.feed_forward_bits == 32)
        terms += share * np.array(
            [
                1.0,
                (attention + feed_forward - wide) / MEGA,
                wide / MEGA,
                layer.num_attention_heads / 10,
                layer.intermediate_size / KILO,
                hidden / KILO,
            ]
        )
    exits = 0 if configuration.exit is None else len(configuration.exit.layers)
    return np.array([1.0, hidden / KILO, exits, *terms])


def _layer_weights(configuration: TransformerConfiguration, shape: EncoderShape) -> Sequence[tuple[int, int, float]]:
    hidden = configuration.hidden_size
    found = []
    for layer in configuration.layers:
        attention = 4 * hidden * layer.num_attention_heads * shape.head_size
        found.append((attention, layer.attention_bits, layer.sparsity))
        found.append((2 * hidden * layer.intermediate_size, layer.feed_forward_bits, layer.sparsity))
    return found


def _student_weights(configuration: BiLSTMConfiguration | CNNConfiguration) -> int:
    hidden, depth, width = configuration.hidden_size, configuration.num_layers, configuration.embedding_size
    if isinstance(configuration, CNNConfiguration):
        return configuration.kernel_size * (width + (depth - 1) * hidden) * hidden
    return 8 * hidden * (width + hidden + (depth - 1) * 3 * hidden)


def _bytes(count: int, bits: int, zeros: float = 0.0) -> float:
    """Of ``count`` weights, stored with a bit mask where that is smaller."""
    return min(count * bits / 8, count / 8 + count * (1 - zeros) * bits / 8)
