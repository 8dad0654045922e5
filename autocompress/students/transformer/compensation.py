"""Compensates pruning and quantization errors of the encoder's matrices from calibration text.

Two methods are available: reconstruction after pruning (Kwon et al. 2022, section 4.3) and rounding that compensates
its own errors (GPTQ, Frantar et al. 2023, algorithm 1).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autocompress.compression.reconstruction import reconstruct
from autocompress.compression.rounding import round_compensated
from autocompress.domain.shape import EncoderShape
from autocompress.networks.weights import ATTENTION_LINEARS, FEED_FORWARD_LINEARS, Arrays
from autocompress.students.elastic import Selection
from autocompress.students.transformer.configuration import LayerConfiguration, TransformerConfiguration
from autocompress.students.transformer.cut import cut_transformer
from autocompress.students.transformer.importance import Batch
from autocompress.students.transformer.network import ElasticEncoder
from autocompress.students.transformer.sharing import owning_layers

RECONSTRUCTION, ROUNDING = "reconstruction", "rounding"
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

    ``uses`` contains ``RECONSTRUCTION``, ``ROUNDING``, both or neither.
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

    def _rounded(self, weights: Arrays, layer: LayerConfiguration) -> Arrays:
        """Return weights and biases of the layer's matrices below 8 bits, rounded to their grid."""
        bits = dict.fromkeys(ATTENTION_LINEARS, layer.attention_bits)
        bits |= dict.fromkeys(FEED_FORWARD_LINEARS, layer.feed_forward_bits)
        found: Arrays = {}
        for module, wanted in bits.items():
            if wanted >= 8:
                continue
            name = f"layers.{layer.index}.{module}"
            weight, gram = weights[f"{name}.weight"], self.grams[f"layers.{layer.index}.{RECORDED[module]}"]
            places = [*range(weight.shape[1]), len(gram) - 1]
            rounded = round_compensated(weight, weights[f"{name}.bias"], gram[np.ix_(places, places)], wanted)
            found[f"{name}.weight"], found[f"{name}.bias"] = rounded
        return found


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
