"""Cuts a sub-network out of a BiLSTM."""

from __future__ import annotations

from collections.abc import Mapping

from autocompress.domain.shape import EncoderShape
from autocompress.students.bilstm.configuration import BiLSTMConfiguration
from autocompress.students.cutting import Array, fits
from autocompress.students.pooled.cut import head_slices


def slice_bilstm(
    arrays: Mapping[str, Array], shape: EncoderShape, configuration: BiLSTMConfiguration
) -> dict[str, Array]:
    """Return views of the leading layers, embedding channels, and units of each gate (of 4) and direction (of 2).

    ``shape`` is not used. InputError if a size of the configuration is above that of the network.
    """
    units, embedding = configuration.hidden_size, configuration.embedding_size
    full = arrays["lstm.0.forward.bias"].shape[0] // 4
    fits("embedding_size", embedding, arrays["embeddings.word"].shape[1])
    fits("hidden_size", units, full)
    fits("num_layers", configuration.num_layers, sum(n.endswith(".forward.bias") for n in arrays))
    slices = {"embeddings.word": arrays["embeddings.word"][:, :embedding]}
    for layer in range(configuration.num_layers):
        for direction in ("forward", "backward"):
            blocks, kept = (1, embedding) if layer == 0 else (2, units)
            slices |= direction_slices(arrays, f"lstm.{layer}.{direction}", units, kept, blocks)
    return slices | head_slices(arrays, 4, units)


def direction_slices(
    arrays: Mapping[str, Array], name: str, units: int, kept: int, blocks: int = 1
) -> dict[str, Array]:
    """Return the first ``units`` of each gate of one direction, and of its inputs the first ``kept`` of each block.

    Blocks are the directions of the layer below, whose outputs are concatenated.
    """
    full = len(arrays[f"{name}.bias"]) // 4
    incoming = arrays[f"{name}.weight_ih"].reshape(4, full, blocks, -1)[:, :units, :, :kept]
    recurrent = arrays[f"{name}.weight_hh"].reshape(4, full, full)[:, :units, :units]
    return {
        f"{name}.weight_ih": incoming.reshape(4 * units, blocks * kept),
        f"{name}.weight_hh": recurrent.reshape(4 * units, units),
        f"{name}.bias": arrays[f"{name}.bias"].reshape(4, full)[:, :units].reshape(-1),
    }
