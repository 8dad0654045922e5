"""Cutting a sub-network out: prefix slices of weights that stand in order of importance.

The slices are written once, for numpy arrays and torch tensors alike: the elastic networks run on the views of their
own parameters, and the emitter gets copies. So a cut network computes what the elastic one computed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from autocompress.domain.shape import EncoderShape
from autocompress.networks.weights import Arrays, head_indices
from autocompress.students.configuration import (
    BiLSTMConfiguration,
    CNNConfiguration,
    Configuration,
    LayerConfiguration,
    TransformerConfiguration,
)
from autocompress.system.errors import InputError

if TYPE_CHECKING:
    import torch

    Array = TypeVar("Array", np.ndarray[Any, Any], torch.Tensor)
else:
    Array = TypeVar("Array")


def cut_transformer(arrays: Arrays, shape: EncoderShape, configuration: TransformerConfiguration) -> Arrays:
    """The kept layers, and the heads of the exits and of the last kept layer only; names keep the teacher's indices.

    InputError if one of these heads does not exist.
    """
    last = configuration.layers[-1].index
    wanted = {last, *(configuration.exit.layers if configuration.exit is not None else ())}
    missing = sorted(wanted - set(head_indices(arrays)))
    if missing:
        raise InputError(f"a head must stand after each exit layer and the last one, but layers {missing} have none")
    slices = slice_transformer(arrays, shape, configuration)
    return _copies({n: a for n, a in slices.items() if not n.startswith("heads.") or int(n.split(".")[1]) in wanted})


def cut_bilstm(arrays: Arrays, shape: EncoderShape, configuration: BiLSTMConfiguration) -> Arrays:
    """The leading layers, channels and units of each gate of a BiLSTM."""
    return _copies(slice_bilstm(arrays, shape, configuration))


def cut_cnn(arrays: Arrays, shape: EncoderShape, configuration: CNNConfiguration) -> Arrays:
    """The leading layers, channels and filters of a CNN, and the middle of its windows."""
    return _copies(slice_cnn(arrays, shape, configuration))


CUTS: dict[str, Callable[[Arrays, EncoderShape, Any], Arrays]] = {
    "transformer": cut_transformer,
    "bilstm": cut_bilstm,
    "cnn": cut_cnn,
}


def cut(arrays: Arrays, shape: EncoderShape, configuration: Configuration) -> Arrays:
    """Weights of the sub-network; the vocabulary is whole (the emitter cuts it)."""
    return CUTS[configuration.student](arrays, shape, configuration)


def slice_transformer(
    arrays: Mapping[str, Array], shape: EncoderShape, configuration: TransformerConfiguration
) -> dict[str, Array]:
    """Views of the kept layers' weights, with every head that stands after a kept layer."""
    width = configuration.hidden_size
    projected = "embeddings.projection.weight" in arrays
    widest = arrays["embeddings.projection.bias" if projected else "embeddings.norm.weight"].shape[0]
    _fits("hidden_size", width, widest)
    slices = {name: array for name, array in arrays.items() if name.startswith("embeddings.")}
    if projected:
        for kind in ("weight", "bias"):
            slices[f"embeddings.projection.{kind}"] = slices[f"embeddings.projection.{kind}"][:width]
    else:
        slices = {name: array[..., :width] for name, array in slices.items()}
    for layer in configuration.layers:
        slices |= _layer_slices(arrays, layer, width, shape.head_size)
        head = f"heads.{layer.index}."
        slices |= {name: array for name, array in arrays.items() if name.startswith(head)}
        if f"{head}dense.weight" in slices:
            slices[f"{head}dense.weight"] = slices[f"{head}dense.weight"][:, :width]
    return slices


def _layer_slices(
    arrays: Mapping[str, Array], layer: LayerConfiguration, width: int, head_size: int
) -> dict[str, Array]:
    context, neurons = layer.num_attention_heads * head_size, layer.intermediate_size
    name = f"layers.{layer.index}"
    if f"{name}.feed_forward.up.bias" not in arrays:
        raise InputError(f"a kept layer must be one of the network's, but it has no layer {layer.index}")
    _fits(
        "num_attention_heads", layer.num_attention_heads, arrays[f"{name}.attention.query.bias"].shape[0] // head_size
    )
    _fits("intermediate_size", neurons, arrays[f"{name}.feed_forward.up.bias"].shape[0])
    extents = {
        "attention.query": (context, width),
        "attention.key": (context, width),
        "attention.value": (context, width),
        "attention.output": (width, context),
        "feed_forward.up": (neurons, width),
        "feed_forward.down": (width, neurons),
    }
    slices = {}
    for module, (rows, columns) in extents.items():
        name = f"layers.{layer.index}.{module}"
        slices[f"{name}.weight"] = arrays[f"{name}.weight"][:rows, :columns]
        slices[f"{name}.bias"] = arrays[f"{name}.bias"][:rows]
    for module in ("attention.norm", "feed_forward.norm"):
        for kind in ("weight", "bias"):
            name = f"layers.{layer.index}.{module}.{kind}"
            slices[name] = arrays[name][:width]
    return slices


def slice_bilstm(
    arrays: Mapping[str, Array], shape: EncoderShape, configuration: BiLSTMConfiguration
) -> dict[str, Array]:
    """Prefixes within each gate (of 4) and each direction (of 2) of a BiLSTM's weights; ``shape`` is not needed."""
    units, embedding = configuration.hidden_size, configuration.embedding_size
    full = arrays["lstm.0.forward.bias"].shape[0] // 4
    _fits("embedding_size", embedding, arrays["embeddings.word"].shape[1])
    _fits("hidden_size", units, full)
    _fits("num_layers", configuration.num_layers, sum(n.endswith(".forward.bias") for n in arrays))
    slices = {"embeddings.word": arrays["embeddings.word"][:, :embedding]}
    for layer in range(configuration.num_layers):
        for direction in ("forward", "backward"):
            name = f"lstm.{layer}.{direction}"
            incoming = arrays[f"{name}.weight_ih"].reshape(4, full, -1)[:, :units]
            if layer == 0:
                incoming = incoming[:, :, :embedding]
            else:
                incoming = incoming.reshape(4, units, 2, full)[:, :, :, :units]
            slices[f"{name}.weight_ih"] = incoming.reshape(4 * units, -1)
            recurrent = arrays[f"{name}.weight_hh"].reshape(4, full, full)[:, :units, :units]
            slices[f"{name}.weight_hh"] = recurrent.reshape(4 * units, units)
            slices[f"{name}.bias"] = arrays[f"{name}.bias"].reshape(4, full)[:, :units].reshape(-1)
    return slices | _student_head(arrays, 4, units)


def slice_cnn(arrays: Mapping[str, Array], shape: EncoderShape, configuration: CNNConfiguration) -> dict[str, Array]:
    """Prefixes of a CNN's channels and filters, and the centred part of its windows; ``shape`` is not needed."""
    embedding, filters = configuration.embedding_size, configuration.hidden_size
    slices = {"embeddings.word": arrays["embeddings.word"][:, :embedding]}
    full = arrays["conv.0.bias"].shape[0]
    window = arrays["conv.0.weight"].shape[1] // arrays["embeddings.word"].shape[1]
    _fits("embedding_size", embedding, arrays["embeddings.word"].shape[1])
    _fits("hidden_size", filters, full)
    _fits("num_layers", configuration.num_layers, sum(n.startswith("conv.") and n.endswith(".bias") for n in arrays))
    _fits("kernel_size", configuration.kernel_size, window)
    margin = (window - configuration.kernel_size) // 2
    for layer in range(configuration.num_layers):
        incoming = embedding if layer == 0 else filters
        weight = arrays[f"conv.{layer}.weight"].reshape(full, window, -1)
        weight = weight[:filters, margin : margin + configuration.kernel_size, :incoming]
        slices[f"conv.{layer}.weight"] = weight.reshape(filters, -1)
        slices[f"conv.{layer}.bias"] = arrays[f"conv.{layer}.bias"][:filters]
    return slices | _student_head(arrays, 2, filters)


def _student_head(arrays: Mapping[str, Array], blocks: int, units: int) -> dict[str, Array]:
    """The head's first layer reads ``blocks`` blocks of features, each cut to its first ``units``."""
    head = {name: array for name, array in arrays.items() if name.startswith("head.")}
    dense = head["head.dense.weight"]
    rows = dense.shape[0]
    head["head.dense.weight"] = dense.reshape(rows, blocks, -1)[:, :, :units].reshape(rows, blocks * units)
    return head


def _fits(name: str, asked: int, largest: int) -> None:
    if asked > largest:
        raise InputError(f"{name} must be at most the network's {largest}, but got {asked}")


def _copies(slices: Mapping[str, Any]) -> Arrays:
    return {name: np.array(array, dtype=np.float32, order="C") for name, array in slices.items()}
