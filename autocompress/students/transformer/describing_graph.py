"""Emits the teacher as a graph whose output holds its logits, followed by its hidden states."""

from __future__ import annotations

import onnx

from autocompress.artifact.blocks import Arrays, GraphInputs, finished
from autocompress.artifact.graph import GraphBuilder
from autocompress.domain.shape import EncoderShape
from autocompress.students.transformer.configuration import LayerConfiguration, TransformerConfiguration
from autocompress.students.transformer.graph import TransformerEmitter


def emit_describing(
    arrays: Arrays, configuration: TransformerConfiguration, shape: EncoderShape, inputs: GraphInputs
) -> onnx.ModelProto:
    """Return the ONNX model of a configuration without exits, with logits and hidden states in one output.

    The output is [batch, num_outputs + kept layers * hidden_size]: the logits, then each kept layer's output averaged
    over the tokens, except that the last layer's is pooled as the head reads it.
    """
    return _Describing(arrays, configuration, shape, inputs).model()


class _Describing(TransformerEmitter):
    def model(self) -> onnx.ModelProto:
        self._states: list[str] = []
        outputs = self._layers(self.graph, self._embeddings(), 0)
        width = self.configuration.hidden_size * len(self.configuration.layers)
        return finished(self.graph, outputs, self.shape.num_outputs + width, token_types=self.token_types)

    def _layer(self, graph: GraphBuilder, x: str, layer: LayerConfiguration) -> str:
        x = super()._layer(graph, x, layer)
        if layer is not self.configuration.layers[-1]:
            self._states.append(self.pooling.mean(graph, x))
        return x

    def _head(self, graph: GraphBuilder, x: str, index: int) -> str:
        read = self._pooled(graph, x, index)
        return graph.op("Concat", super()._head(graph, x, index), *self._states, read, axis=-1)
