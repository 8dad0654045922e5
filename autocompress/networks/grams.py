"""Gram matrices of what the encoder's pruned matrices read, on calibration text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autocompress.compression.reconstruction import reconstruct
from autocompress.configuration import EncoderShape, TransformerConfiguration
from autocompress.networks.elastic import Selection
from autocompress.networks.elastic_encoder import ElasticEncoder
from autocompress.networks.importance import Batch
from autocompress.networks.weights import Arrays

READERS = ("attention.output", "feed_forward.down")
CHUNK = 2048


class _Recorder(Selection):
    """Keeps what the readers read, and every ``CHUNK`` tokens adds it to their Gram matrices."""

    def __init__(self, weights: dict[str, Tensor], grams: dict[str, np.ndarray[Any, Any]]) -> None:
        super().__init__(weights, {})
        self._grams = grams
        self._kept: dict[str, list[np.ndarray[Any, Any]]] = {}

    def linear(self, name: str, x: Tensor) -> Tensor:
        if name.endswith(READERS):
            kept = self._kept.setdefault(name, [])
            kept.append(_extended(x[0].numpy()))
            if sum(map(len, kept)) >= CHUNK:
                self.flush(name)
        return super().linear(name, x)

    def flush(self, name: str) -> None:
        """Add what is kept for one reader to its Gram matrix."""
        rows = np.concatenate(self._kept.pop(name))
        gram = (rows.T @ rows).astype(np.float64)
        self._grams[name] = self._grams[name] + gram if name in self._grams else gram

    def close(self) -> None:
        """Add what is left."""
        for name in list(self._kept):
            self.flush(name)


def _extended(inputs: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Inputs [T, I] and a column of ones, which stands for the bias."""
    return np.concatenate([inputs, np.ones((len(inputs), 1), np.float32)], axis=1)


class _RecordingEncoder(ElasticEncoder):
    recorder: _Recorder

    def _select(self, configuration: Any, quantized: bool) -> Selection:
        return self.recorder


def input_grams(shape: EncoderShape, arrays: Arrays, texts: Iterable[Batch]) -> Arrays:
    """Per reader its extended Gram matrix [I + 1, I + 1] over ``texts``, batches of one without padding."""
    encoder = _RecordingEncoder(shape, arrays)
    grams: dict[str, np.ndarray[Any, Any]] = {}
    encoder.recorder = _Recorder(encoder.weights, grams)
    with torch.inference_mode():
        for text in texts:
            encoder(text.input_ids, text.attention_mask, text.token_type_ids)
    encoder.recorder.close()
    return {name: (gram / gram[-1, -1]).astype(np.float32) for name, gram in grams.items()}


def reconstructed(
    arrays: Arrays, shape: EncoderShape, configuration: TransformerConfiguration, grams: Arrays
) -> Arrays:
    """The readers' weights and biases of the cut, solved anew; ``arrays`` are the whole encoder's, hidden size kept.

    Empty where there are no ``grams``.
    """
    found: Arrays = {}
    for layer in configuration.layers:
        kept = {READERS[0]: layer.num_attention_heads * shape.head_size, READERS[1]: layer.intermediate_size}
        for reader, count in kept.items():
            name = f"layers.{layer.index}.{reader}"
            weight, bias = arrays[f"{name}.weight"], arrays[f"{name}.bias"]
            if count < weight.shape[1] and name in grams:
                found[f"{name}.weight"], found[f"{name}.bias"] = reconstruct(weight, bias, grams[name], count)
    return found
