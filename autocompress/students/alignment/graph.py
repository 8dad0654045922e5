"""Emits the network that aligns two texts as an ONNX graph; products are those of int8 kernels below 32 bits."""

from __future__ import annotations

import numpy as np
import onnx

from autocompress.artifact.blocks import (
    ATTENTION_MASK,
    Arrays,
    GraphInputs,
    Pooling,
    finished,
    head,
    token_types,
    word_embeddings,
)
from autocompress.artifact.graph import GraphBuilder
from autocompress.domain.shape import EncoderShape
from autocompress.students.alignment.configuration import AlignmentConfiguration
from autocompress.students.alignment.cut import PADDING, SAME
from autocompress.students.alignment.encoders import ENCODERS
from autocompress.students.linear_forms import form_of
from autocompress.students.pooled.costs import weight_settings
from autocompress.students.weight_settings import side_bits

HALF = SAME / 2
# Rows: padding, a token of the first text, one of the second. The product of the first two columns of one token with
# the next two of another is what is added to their score: 0 between texts, SAME in one text, PADDING for padding.
_ROLES = np.array([[0, 1, 0, PADDING, 0, 0], [-1, 1, -HALF, HALF, 1, 0], [1, 1, HALF, HALF, 0, 1]], np.float32)


def emit_alignment(
    arrays: Arrays, configuration: AlignmentConfiguration, shape: EncoderShape, inputs: GraphInputs
) -> onnx.ModelProto:
    """Return the ONNX model of ``arrays``, which are already cut to ``configuration``."""
    return AlignmentEmitter(arrays, configuration, inputs).model(shape.num_outputs)


class AlignmentEmitter:
    """Builds the graph of one configuration; ``model`` returns it."""

    def __init__(self, arrays: Arrays, configuration: AlignmentConfiguration, inputs: GraphInputs) -> None:
        self.graph, self.arrays, self.configuration, self.inputs = GraphBuilder(), arrays, configuration, inputs
        self.settings = weight_settings(configuration)
        self.encoder = ENCODERS[configuration.encoder]
        self.pooling = Pooling(self.graph, texts_needed=self.encoder.texts_needed)

    def model(self, num_outputs: int) -> onnx.ModelProto:
        """Return the finished model."""
        graph, kept, bits = self.graph, self.configuration.vocabulary_size, self.configuration.embedding_bits
        self._add_roles()
        x = word_embeddings(graph, self.arrays["embeddings.word"], self.inputs, kept, bits)
        x = compared = self.encoder.emitted(self, self.linear(x, "project"))
        for layer in range(self.configuration.num_layers):
            x = x if layer == 0 else graph.op("Add", x, compared)
            compared = self._compared(x, f"align.{layer}")
        pooled = self._pooled(compared)
        logits = head(graph, pooled, self.arrays, "head", act="relu", bits=side_bits(self.configuration.weight_bits))
        return finished(graph, logits, num_outputs, token_types=self.inputs.separator_id is None)

    def _add_roles(self) -> None:
        """Add what depends on the tokens' texts alone: ``bias [batch, T, T]`` and ``sides [batch, T, 2]``."""
        graph = self.graph
        roles = graph.op("Mul", ATTENTION_MASK, graph.op("Add", token_types(graph, self.inputs), graph.integers(1)))
        table = graph.op("Gather", graph.constant(_ROLES), roles)
        asking, asked, self.sides = graph.ops("Split", [table], 3, axis=-1, num_outputs=3)
        self.bias = graph.op("MatMul", asking, graph.op("Transpose", asked, perm=[0, 2, 1]))

    def _compared(self, x: str, name: str) -> str:
        """Add the comparison of each token with the other text, ``[batch, T, width]``; none is below 0."""
        graph = self.graph
        asked = self.linear(x, f"{name}.query")
        scale = graph.constant(np.array(self.configuration.hidden_size**-0.5, np.float32))
        scores = graph.op("MatMul", graph.op("Mul", asked, scale), graph.op("Transpose", asked, perm=[0, 2, 1]))
        found = graph.op("MatMul", graph.op("Softmax", graph.op("Add", scores, self.bias), axis=-1), x)
        apart = graph.op("Abs", graph.op("Sub", x, found))
        both = graph.op("Concat", x, found, apart, graph.op("Mul", x, found), axis=-1)
        compared = graph.op("Relu", self.linear(both, f"{name}.compare"))
        return graph.op("Relu", self.linear(compared, f"{name}.merge"))

    def _pooled(self, x: str) -> str:
        """Add what the head reads of ``x [batch, T, width]``, which is nowhere below 0: ``[batch, 8 * width]``."""
        graph, last = self.graph, self.graph.integers(-1)
        counts = graph.op("ReduceSum", self.sides, graph.integers(1), keepdims=0)
        at_least_one = graph.op("Max", counts, graph.constant(np.array(1, np.float32)))
        sums = graph.op("MatMul", graph.op("Transpose", self.sides, perm=[0, 2, 1]), x)
        means = graph.op("Div", sums, graph.op("Unsqueeze", at_least_one, last))
        inside = graph.op("Mul", graph.op("Unsqueeze", self.sides, last), graph.op("Unsqueeze", x, graph.integers(2)))
        maxima = graph.op("ReduceMax", inside, graph.integers(1), keepdims=0)
        texts = graph.op("Concat", means, maxima, axis=-1)
        first, second = graph.ops("Split", [texts], 2, axis=1, num_outputs=2)
        apart = graph.op("Abs", graph.op("Sub", first, second))
        features = graph.op("Concat", first, second, apart, graph.op("Mul", first, second), axis=-1)
        return graph.op("Squeeze", features, graph.integers(1))

    def linear(self, x: str, name: str) -> str:
        """Add the linear layer of this name on ``x [.., in]``."""
        weight, bias = self.arrays[f"{name}.weight"], self.arrays[f"{name}.bias"]
        return form_of(self.settings).emitted(self.graph, x, [weight], bias, self.settings)
