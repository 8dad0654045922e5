"""Cuts a sub-network out of a CNN."""

from __future__ import annotations

from collections.abc import Mapping

from autocompress.domain.shape import EncoderShape
from autocompress.students.cnn.configuration import CNNConfiguration
from autocompress.students.cutting import Array, fits
from autocompress.students.pooled.cut import head_slices


def slice_cnn(arrays: Mapping[str, Array], shape: EncoderShape, configuration: CNNConfiguration) -> dict[str, Array]:
    """Return views of the leading channels, filters and layers, and of the middle of the windows.

    ``shape`` is not used. InputError if a size of the configuration is above that of the network.
    """
    embedding, filters = configuration.embedding_size, configuration.hidden_size
    slices = {"embeddings.word": arrays["embeddings.word"][:, :embedding]}
    full = arrays["conv.0.bias"].shape[0]
    window = arrays["conv.0.weight"].shape[1] // arrays["embeddings.word"].shape[1]
    fits("embedding_size", embedding, arrays["embeddings.word"].shape[1])
    fits("hidden_size", filters, full)
    fits("num_layers", configuration.num_layers, sum(n.startswith("conv.") and n.endswith(".bias") for n in arrays))
    fits("kernel_size", configuration.kernel_size, window)
    margin = (window - configuration.kernel_size) // 2
    for layer in range(configuration.num_layers):
        incoming = embedding if layer == 0 else filters
        weight = arrays[f"conv.{layer}.weight"].reshape(full, window, -1)
        weight = weight[:filters, margin : margin + configuration.kernel_size, :incoming]
        slices[f"conv.{layer}.weight"] = weight.reshape(filters, -1)
        slices[f"conv.{layer}.bias"] = arrays[f"conv.{layer}.bias"][:filters]
    return slices | head_slices(arrays, 2, filters)
