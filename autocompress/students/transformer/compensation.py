"""Compensates pruning and quantization errors of the encoder's matrices from calibration text.

Three methods are available: reconstruction after pruning (Kwon et al. 2022, section 4.3), factors of low rank for the
inputs that occur (DRONE, Chen et al. 2021), and rounding that compensates its own errors (GPTQ, Frantar et al. 2023,
algorithm 1).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autocompress.compression.low_rank import low_rank_factors
from autocompress.compression.reconstruction import reconstruct
from autocompress.compression.rounding import round_compensated
from autocompress.domain.shape import EncoderShape
from autocompress.networks.weights import ATTENTION_LINEARS, FEED_FORWARD_LINEARS, Arrays
from autocompress.students.attention_forms import attention_of
from autocompress.students.elastic import Selection
from autocompress.students.linear_forms import LinearSettings
from autocompress.students.linear_forms.low_rank import is_factored, rank_of
from autocompress.students.transformer.configuration import LayerConfiguration, TransformerConfiguration
from autocompress.students.transformer.costs import attention_settings, feed_forward_settings
from autocompress.students.transformer.cut import cut_transformer
from autocompress.students.transformer.importance import Batch
from autocompress.students.transformer.network import ElasticEncoder
from autocompress.students.transformer.sharing import owning_layers

RECONSTRUCTION, LOW_RANK, ROUNDING = "reconstruction", "low_rank", "rounding"
# Matrices of which inputs are pruned: they read the heads and the neurons.
READERS = ("attention.output", "feed_forward.down")
# For each matrix the one whose recorded inputs are the same: query, key and value read the same vectors.
RECORDED = {
    **dict.fromkeys(("attention.query", "attention.key", "attention.value"), "attention.query"),
    **{name: name for name in ("attention.output", "feed_forward.up", "feed_forward.down")},
}
# Tokens after which recorded inputs are added to the Gram matrix.
CHUNK = 2048


@dataclass(frozen=True)
class Compensation:
    """Holds the Gram matrices of inputs that ``input_grams`` returned, and which methods to use.

    ``uses`` contains some of ``RECONSTRUCTION``, ``LOW_RANK`` and ``ROUNDING``.
    """

    grams: Arrays = field(default_factory=dict)
    uses: frozenset[str] = frozenset()

    def cut(self, arrays: Arrays, shape: EncoderShape, configuration: TransformerConfiguration) -> Arrays:
        """Cut the configuration out of the whole encoder's ``arrays`` and compensate the errors.

        The configuration has the encoder's hidden size.
        """
        weights = cut_transformer(arrays, shape, configuration)
        for layer in owning_layers(configuration):
            if RECONSTRUCTION in self.uses:
                weights |= self._reconstructed(arrays, shape, layer)
            if LOW_RANK in self.uses:
                weights |= self._of_low_rank(weights, layer)
            if ROUNDING in self.uses and not layer.sparsity:
                weights |= self._rounded(weights, layer)
        return weights

    def _reconstructed(self, arrays: Arrays, shape: EncoderShape, layer: LayerConfiguration) -> Arrays:
        """Return weights and biases of the matrices that read pruned heads or neurons, solved for those that stay."""
        found: Arrays = {}
        widths = (layer.num_attention_heads * shape.head_size, layer.intermediate_size)
        for reader, kept in zip(READERS, widths, strict=True):
            name = f"layers.{layer.index}.{reader}"
            weight, bias = arrays[f"{name}.weight"], arrays[f"{name}.bias"]
            if kept < weight.shape[1]:
                found[f"{name}.weight"], found[f"{name}.bias"] = reconstruct(weight, bias, self.grams[name], kept)
        return found

    def _of_low_rank(self, weights: Arrays, layer: LayerConfiguration) -> Arrays:
        """Return weights and biases of the layer's factored matrices: of the rank that the file has, for its inputs.

        The bias takes over what the factors lose of the mean input, so that only deviations from it count.
        """
        found: Arrays = {}
        for module, settings in _settings(layer).items():
            name = f"layers.{layer.index}.{module}"
            weight = weights[f"{name}.weight"]
            if is_factored(weight.shape, settings):
                gram = self._gram(layer, module, weight.shape[1]).astype(np.float64)
                mean = gram[:-1, -1] / gram[-1, -1]
                covariance = gram[:-1, :-1] / gram[-1, -1] - np.outer(mean, mean)
                left, right = low_rank_factors(weight, rank_of(weight.shape, settings), covariance)
                found[f"{name}.weight"] = product = left @ right
                lost = (weight - product) @ mean
                found[f"{name}.bias"] = (weights[f"{name}.bias"] + lost).astype(np.float32)
        return found

    def _rounded(self, weights: Arrays, layer: LayerConfiguration) -> Arrays:
        """Return weights and biases of the layer's matrices below 8 bits, rounded to their grid.

        Of factored matrices not they but the factors are rounded, so these stay as they are.
        """
        found: Arrays = {}
        for module, settings in _settings(layer).items():
            name = f"layers.{layer.index}.{module}"
            weight = weights[f"{name}.weight"]
            if settings.bits < 8 and not is_factored(weight.shape, settings):
                gram = self._gram(layer, module, weight.shape[1])
                rounded = round_compensated(weight, weights[f"{name}.bias"], gram, settings.bits)
                found[f"{name}.weight"], found[f"{name}.bias"] = rounded
        return found

    def _gram(self, layer: LayerConfiguration, module: str, kept: int) -> np.ndarray[Any, Any]:
        """Return the Gram matrix [kept + 1, kept + 1] of the first ``kept`` inputs of a matrix, and of 1."""
        gram = self.grams[f"layers.{layer.index}.{RECORDED[module]}"]
        places = [*range(kept), len(gram) - 1]
        return gram[np.ix_(places, places)]


def _settings(layer: LayerConfiguration) -> dict[str, LinearSettings]:
    """Return how each matrix of a layer is stored."""
    read = attention_of(layer).projections
    attention = {
        name: attention_settings(layer)
        for name in ATTENTION_LINEARS
        if name == "attention.output" or name.removeprefix("attention.") in read
    }
    return attention | dict.fromkeys(FEED_FORWARD_LINEARS, feed_forward_settings(layer))


class _Recorder(Selection):
    """Records the inputs of the matrices, and adds them to the Gram matrices every ``CHUNK`` tokens."""

    def __init__(self, weights: dict[str, Tensor], grams: dict[str, np.ndarray[Any, Any]]) -> None:
        super().__init__(weights, {})
        self._grams = grams
        self._kept: dict[str, list[np.ndarray[Any, Any]]] = {}

    def linear(self, name: str, x: Tensor) -> Tensor:
        if name.endswith(tuple(RECORDED.values())):
            kept = self._kept.setdefault(name, [])
            kept.append(_extended(x.reshape(-1, x.shape[-1]).numpy()))
            if sum(map(len, kept)) >= CHUNK:
                self.flush(name)
        return super().linear(name, x)

    def flush(self, name: str) -> None:
        """Add the recorded inputs of one matrix to its Gram matrix."""
        rows = np.concatenate(self._kept.pop(name))
        gram = (rows.T @ rows).astype(np.float64)
        self._grams[name] = self._grams[name] + gram if name in self._grams else gram

    def close(self) -> None:
        """Add all recorded inputs to the Gram matrices."""
        for name in list(self._kept):
            self.flush(name)


def _extended(inputs: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return inputs [T, I] with a column of ones for the bias, [T, I + 1]."""
    return np.concatenate([inputs, np.ones((len(inputs), 1), np.float32)], axis=1)


class _RecordingEncoder(ElasticEncoder):
    """Runs the whole encoder on the weights of ``recorder``."""

    recorder: _Recorder

    def _select(self, configuration: Any, quantized: bool) -> Selection:
        return self.recorder


def input_grams(shape: EncoderShape, arrays: Arrays, texts: Iterable[Batch]) -> Arrays:
    """Return the Gram matrix of each recorded matrix's inputs over ``texts``, divided by the number of tokens.

    It is [I + 1, I + 1]: the last input is 1, for the bias. The batches must have no padding. ``arrays`` are those of
    the whole encoder.
    """
    encoder = _RecordingEncoder(shape, arrays)
    grams: dict[str, np.ndarray[Any, Any]] = {}
    encoder.recorder = _Recorder(encoder.weights, grams)
    with torch.inference_mode():
        for text in texts:
            encoder(text.input_ids, text.attention_mask, text.token_type_ids)
    encoder.recorder.close()
    return {name: (gram / gram[-1, -1]).astype(np.float32) for name, gram in grams.items()}
