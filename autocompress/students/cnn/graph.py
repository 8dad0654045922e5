"""Emits a CNN as an ONNX graph in which each convolution is one matrix product over shifted copies of the tokens."""

import onnx

from autocompress.artifact.blocks import (
    Arrays,
    GraphInputs,
    Pooling,
    finished,
    head,
    word_embeddings,
)
from autocompress.artifact.graph import GraphBuilder
from autocompress.domain.shape import EncoderShape
from autocompress.students.cnn.configuration import CNNConfiguration
from autocompress.students.linear_forms import form_of
from autocompress.students.pooled.costs import weight_settings
from autocompress.students.weight_settings import side_bits

# The first layer ends in Relu, and each further one adds the output of a Relu, so no value is below 0.
LEAST = 0.0


def emit_cnn(
    arrays: Arrays, configuration: CNNConfiguration, shape: EncoderShape, inputs: GraphInputs
) -> onnx.ModelProto:
    """Return the ONNX model of ``arrays``, which are already cut to ``configuration``."""
    graph = GraphBuilder()
    pooling = Pooling(graph)
    settings = weight_settings(configuration)
    table, kept = arrays["embeddings.word"], configuration.vocabulary_size
    x = word_embeddings(graph, table, inputs, kept, configuration.embedding_bits)
    for layer in range(configuration.num_layers):
        weight, bias = arrays[f"conv.{layer}.weight"], arrays[f"conv.{layer}.bias"]
        seen = windows(graph, pooling.zeroed(graph, x), configuration.kernel_size)
        y = graph.op("Relu", form_of(settings).emitted(graph, seen, [weight], bias, settings))
        x = y if layer == 0 else graph.op("Add", x, y)
    pooled = graph.op("Concat", pooling.mean(graph, x), pooling.maximum(graph, x, LEAST), axis=-1)
    logits = head(graph, pooled, arrays, "head", act="relu", bits=side_bits(configuration.weight_bits))
    return finished(graph, logits, shape.num_outputs)


def windows(graph: GraphBuilder, x: str, kernel_size: int) -> str:
    """Add each token's window, zeros beyond the ends, ``[batch, sequence, kernel_size * in]``, and return its name."""
    if kernel_size == 1:
        return x
    margin = kernel_size // 2
    padded = graph.op("Pad", x, graph.integers(0, margin, 0, 0, margin, 0))
    axis = graph.integers(1)
    length = graph.op("Shape", x, start=1, end=2)
    slices = []
    for start in range(kernel_size):
        first = graph.integers(start)
        slices.append(graph.op("Slice", padded, first, graph.op("Add", first, length), axis))
    return graph.op("Concat", *slices, axis=-1)
