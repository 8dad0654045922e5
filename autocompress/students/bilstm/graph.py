"""Emits a BiLSTM as an ONNX graph; below 32 bits it uses ONNX Runtime's quantized LSTM."""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto

from autocompress.artifact.blocks import (
    INPUT_IDS,
    Arrays,
    GraphInputs,
    Pooling,
    finished,
    head,
    word_embeddings,
)
from autocompress.artifact.graph import GraphBuilder
from autocompress.artifact.packing import stored_codes, stored_floats
from autocompress.compression.quantization import Floats, quantize
from autocompress.compression.sparsity import prune
from autocompress.domain.shape import EncoderShape
from autocompress.students.bilstm.configuration import BiLSTMConfiguration
from autocompress.students.linear_forms import LinearSettings, form_of
from autocompress.students.linear_forms.dense import DENSE
from autocompress.students.linear_forms.sparse import SPARSE
from autocompress.students.pooled.costs import weight_settings
from autocompress.students.weight_settings import side_bits
from autocompress.system.errors import InputError

_DIRECTIONS = ("forward", "backward")
# torch orders the gates input, forget, cell, output; ONNX input, output, forget, cell.
_GATES = (0, 3, 1, 2)
# An LSTM's outputs are products of a sigmoid and a hyperbolic tangent, so none is below -1.
LEAST = -1.0


def emit_bilstm(
    arrays: Arrays, configuration: BiLSTMConfiguration, shape: EncoderShape, inputs: GraphInputs
) -> onnx.ModelProto:
    """Return the ONNX model of ``arrays``, which are already cut to ``configuration``; padding ends a sequence.

    InputError for a linear form other than dense and sparse.
    """
    graph = GraphBuilder()
    # On an empty batch the LSTM of ONNX Runtime aborts the process.
    pooling = Pooling(graph, texts_needed=True)
    lengths = graph.op("Cast", graph.op("Reshape", pooling.counts, graph.integers(-1)), to=TensorProto.INT32)
    table, kept = arrays["embeddings.word"], configuration.vocabulary_size
    ids = graph.op("Transpose", INPUT_IDS, perm=[1, 0])
    x = word_embeddings(graph, table, inputs, kept, configuration.embedding_bits, ids=ids)
    for layer in range(configuration.num_layers):
        y = lstm(graph, x, lengths, arrays, f"lstm.{layer}", weight_settings(configuration))
        last = layer == configuration.num_layers - 1
        merged = graph.op("Transpose", y, perm=[2, 0, 1, 3] if last else [0, 2, 1, 3])
        x = graph.op("Reshape", merged, graph.integers(0, 0, 2 * configuration.hidden_size))
    pooled = graph.op("Concat", pooling.mean(graph, x), pooling.maximum(graph, x, LEAST), axis=-1)
    logits = head(graph, pooled, arrays, "head", act="relu", bits=side_bits(configuration.weight_bits))
    return finished(graph, logits, shape.num_outputs)


def lstm(graph: GraphBuilder, x: str, lengths: str, arrays: Arrays, name: str, settings: LinearSettings) -> str:
    """Add the two directions ``name`` on ``x [sequence, batch, in]``; the output is ``[sequence, 2, batch, hidden]``.

    ``lengths`` int32 [batch] are the texts' numbers of tokens. ONNX has an input and a recurrent bias, which are
    summed; the recurrent one is zero here. The operator holds its weights itself: InputError for a linear form other
    than dense and sparse.
    """
    if form_of(settings) not in (DENSE, SPARSE):
        raise InputError("the weights of a BiLSTM must be dense or sparse, but another form is asked for; drop it")
    names = [f"{name}.{direction}" for direction in _DIRECTIONS]
    bits, sparse = settings.bits, settings.sparsity > 0
    bias = np.stack([_onnx_gates(arrays[f"{one}.bias"]) for one in names])
    units = bias.shape[1] // 4
    biases = graph.op("Pad", graph.constant(bias), graph.integers(0, 0, 0, 4 * units))
    common: dict[str, Any] = {"direction": "bidirectional", "hidden_size": units}
    stored, scales = [], []
    for kind in ("weight_ih", "weight_hh"):
        weights = [_onnx_gates(prune(arrays[f"{one}.{kind}"], settings.sparsity)) for one in names]
        if bits == 32:
            stored.append(stored_floats(graph, np.stack(weights), sparse=sparse))
            continue
        quantized = [quantize(weight, bits) for weight in weights]
        codes = np.stack([np.ascontiguousarray(codes.T) for codes, _ in quantized])
        stored.append(stored_codes(graph, codes, bits, sparse=sparse))
        scales.append(graph.constant(np.stack([scale for _, scale in quantized])))
    if bits == 32:
        return graph.op("LSTM", x, *stored, biases, lengths, **common)
    zero = graph.op("Expand", graph.constant(np.zeros((1, 1), np.int8)), graph.integers(2, 4 * units))
    quantization = (scales[0], zero, scales[1], zero)
    return graph.microsoft("DynamicQuantizeLSTM", x, *stored, biases, lengths, "", "", "", *quantization, **common)


def _onnx_gates(array: Floats) -> NDArray[np.float32]:
    """Return ``array [4 * hidden, ...]`` with the gates in ONNX's order."""
    gates = array.reshape(4, -1, *array.shape[1:])[list(_GATES)]
    return gates.reshape(array.shape)
