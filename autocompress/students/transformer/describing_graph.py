"""Emits the teacher as a graph that gives its logits and, behind them, its hidden states."""

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
    """The graph of a configuration without exits, with the output [batch, num_outputs + kept layers * hidden_size].

    After the logits come the means over the tokens of what each kept layer but the last gives, then what the head
    reads.
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
