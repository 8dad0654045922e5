"""Cuts a sub-network out of an encoder whose heads, neurons and channels are sorted by importance, largest first."""

from __future__ import annotations

from collections.abc import Mapping

from autocompress.domain.shape import RELATIVE_BIAS, EncoderShape
from autocompress.networks.weights import Arrays, head_indices
from autocompress.students.cutting import Array, copies, fits
from autocompress.students.transformer.configuration import LayerConfiguration, TransformerConfiguration
from autocompress.students.transformer.sharing import owning_layers
from autocompress.system.errors import InputError


def cut_transformer(arrays: Arrays, shape: EncoderShape, configuration: TransformerConfiguration) -> Arrays:
    """Return copies of the weights of the kept layers, and of the heads after exit layers and the last kept layer.

    Names have the teacher's layer indices. InputError if one of these heads does not exist, or a size is above the
    network's.
    """
    last = configuration.layers[-1].index
    wanted = {last, *(configuration.exit.layers if configuration.exit is not None else ())}
    missing = sorted(wanted - set(head_indices(arrays)))
    if missing:
        raise InputError(f"a head must stand after each exit layer and the last one, but layers {missing} have none")
    slices = slice_transformer(arrays, shape, configuration)
    return copies({n: a for n, a in slices.items() if not n.startswith("heads.") or int(n.split(".")[1]) in wanted})


def slice_transformer(
    arrays: Mapping[str, Array], shape: EncoderShape, configuration: TransformerConfiguration
) -> dict[str, Array]:
    """Return views of the weights of the kept layers, and of every head after one of them.

    Of a group of layers that share weights only the lowest one has any; all of them may have heads.
    """
    width = configuration.hidden_size
    projected = "embeddings.projection.weight" in arrays
    widest = arrays["embeddings.projection.bias" if projected else "embeddings.norm.weight"].shape[0]
    fits("hidden_size", width, widest)
    slices = {name: array for name, array in arrays.items() if name.startswith("embeddings.")}
    if projected:
        for kind in ("weight", "bias"):
            slices[f"embeddings.projection.{kind}"] = slices[f"embeddings.projection.{kind}"][:width]
    else:
        slices = {name: array[..., :width] for name, array in slices.items()}
    for layer in owning_layers(configuration):
        slices |= _layer_slices(arrays, layer, width, shape.head_size)
    for layer in configuration.layers:
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
    fits("num_attention_heads", layer.num_attention_heads, arrays[f"{name}.attention.query.bias"].shape[0] // head_size)
    fits("intermediate_size", neurons, arrays[f"{name}.feed_forward.up.bias"].shape[0])
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
    bias = f"layers.{layer.index}.{RELATIVE_BIAS}"
    if bias in arrays:
        slices[bias] = arrays[bias][:, : layer.num_attention_heads]
    return slices
