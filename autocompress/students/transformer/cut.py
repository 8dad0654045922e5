"""Cuts a sub-network out of an encoder whose heads, neurons and channels are sorted by importance, largest first."""

from __future__ import annotations

from collections.abc import Mapping

from autocompress.domain.shape import RELATIVE_BIAS, EncoderShape
from autocompress.networks.weights import Arrays, head_indices
from autocompress.students.attention_forms import attention_of
from autocompress.students.attention_forms.convolution import NAME, width_of
from autocompress.students.attention_forms.form import PROJECTIONS
from autocompress.students.cutting import Array, copies, fits
from autocompress.students.transformer.configuration import LayerConfiguration, TransformerConfiguration
from autocompress.students.transformer.convolved_layers import convolutions, with_kernels
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
    # Teachers of old studies have no kernels.
    known = with_kernels(arrays, shape) if convolutions(configuration) else arrays
    slices = slice_transformer(known, shape, configuration)
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
    fits("num_attention_heads", layer.num_attention_heads, arrays[f"{name}.attention.value.bias"].shape[0] // head_size)
    fits("intermediate_size", neurons, arrays[f"{name}.feed_forward.up.bias"].shape[0])
    form = attention_of(layer)
    extents = {
        **{f"attention.{part}": (context, width) for part in PROJECTIONS if part in form.projections},
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
    return slices | _form_slices(arrays, layer, head_size)


def _form_slices(arrays: Mapping[str, Array], layer: LayerConfiguration, head_size: int) -> dict[str, Array]:
    """Return views of the weights that belong to the layer's form of attention alone."""
    form, heads, name = attention_of(layer), layer.num_attention_heads, f"layers.{layer.index}"
    bias = f"{name}.{RELATIVE_BIAS}"
    if not form.kernel:
        return {bias: arrays[bias][:, :heads]} if bias in arrays else {}
    kernel, offset = f"{name}.{form.kernel}", f"{name}.{form.offset}"
    if kernel not in arrays:
        raise InputError(f"the network must have kernels where a layer convolves, but has no {kernel}; add them first")
    width, widest = width_of(layer), arrays[kernel].shape[1]
    fits(NAME, width, widest)
    begin = (widest - width) // 2
    return {kernel: arrays[kernel][:heads, begin : begin + width], offset: arrays[offset][: heads * head_size]}
