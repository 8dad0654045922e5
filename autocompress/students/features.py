"""A configuration as numbers that its quality may depend on smoothly, each of about unit range."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from autocompress.domain.shape import EncoderShape
from autocompress.students.configuration import CNNConfiguration, Configuration, TransformerConfiguration
from autocompress.students.costs import Confidences, reach

ROUNDING = {32: 0.0, 8: 0.1, 4: 0.4, 2: 1.0}
"""How much a number format hurts, from not at all to most."""


def quality_features(
    configuration: Configuration, shape: EncoderShape, confidences: Confidences | None, *, own_network: bool
) -> NDArray[np.float64]:
    """Features [k] of one student type, of the same length and meaning for all its configurations.

    ``own_network`` says whether it is cut from its type's super-network, not from the teacher.
    """
    table = [np.log2(configuration.vocabulary_size / 8000) / 2, ROUNDING[configuration.embedding_bits]]
    if isinstance(configuration, TransformerConfiguration):
        return np.array([*table, float(own_network), *_transformer(configuration, shape, confidences)])
    kernel = configuration.kernel_size / 5 if isinstance(configuration, CNNConfiguration) else 0.0
    return np.array(
        [
            *table,
            np.log2(configuration.embedding_size / 128),
            np.log2(configuration.hidden_size / 64),
            configuration.num_layers / 2,
            kernel,
            ROUNDING[configuration.weight_bits],
            *_zeros(configuration.sparsity),
        ]
    )


def _transformer(
    configuration: TransformerConfiguration, shape: EncoderShape, confidences: Confidences | None
) -> list[float]:
    """Widths of kept layers count as shares of the teacher's, dropped layers as none; then means and the worst."""
    layers, depth = configuration.layers, shape.num_hidden_layers
    heads, widths = np.zeros(depth), np.zeros(depth)
    for layer in layers:
        heads[layer.index] = layer.num_attention_heads / shape.num_attention_heads
        widths[layer.index] = layer.intermediate_size / shape.intermediate_size
    rounding = np.array([[ROUNDING[layer.attention_bits], ROUNDING[layer.feed_forward_bits]] for layer in layers])
    zeros = np.array([_zeros(layer.sparsity) for layer in layers])
    exit_ = configuration.exit
    return [
        configuration.hidden_size / shape.hidden_size,
        len(layers) / depth,
        *(heads > 0).astype(float) / 2,
        float(np.sqrt(heads[heads > 0]).mean()),
        float(np.sqrt(widths[widths > 0]).mean()),
        float(np.sqrt(heads[heads > 0]).min()),
        float(np.sqrt(widths[widths > 0]).min()),
        *rounding.mean(axis=0).tolist(),
        float(rounding.max()),
        *zeros.mean(axis=0).tolist(),
        float(zeros.max()),
        0.0 if exit_ is None else 1.0 - exit_.threshold,
        1.0 - float(reach(configuration, confidences).mean()),
    ]


def _zeros(sparsity: float) -> tuple[float, float]:
    return sparsity, sparsity**4
