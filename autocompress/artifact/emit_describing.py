"""The teacher as a graph that labels texts: its logits, and behind them its hidden states."""

from __future__ import annotations

import onnx

from autocompress.artifact.blocks import Arrays, GraphInputs, Pooling, finished, first_token
from autocompress.artifact.emit_transformer import TransformerEmitter
from autocompress.artifact.graph import GraphBuilder
from autocompress.configuration import EncoderShape, LayerConfiguration, TransformerConfiguration


def emit_describing(
    arrays: Arrays,
    configuration: TransformerConfiguration,
    shape: EncoderShape,
    inputs: GraphInputs,
    places: tuple[int, ...],
) -> onnx.ModelProto:
    """The graph of a configuration without exits, with the output [batch, num_outputs + F].

    After the logits come the means over the tokens of what the kept layers at ``places`` (none of them the last) give,
    then what the head reads.
    """
    return _Describing(arrays, configuration, shape, inputs, places).model()


class _Describing(TransformerEmitter):
    def __init__(
        self,
        arrays: Arrays,
        configuration: TransformerConfiguration,
        shape: EncoderShape,
        inputs: GraphInputs,
        places: tuple[int, ...],
    ) -> None:
        super().__init__(arrays, configuration, shape, inputs)
        self._described = [configuration.layers[place].index for place in places]
        self._means = self.pooling or Pooling(self.graph)
        self._states: list[str] = []

    def model(self) -> onnx.ModelProto:
        outputs = self._layers(self.graph, self._embeddings(), 0)
        width = self.configuration.hidden_size * (len(self._described) + 1)
        return finished(self.graph, outputs, self.shape.num_outputs + width, token_types=self.token_types)

    def _layer(self, graph: GraphBuilder, x: str, layer: LayerConfiguration) -> str:
        x = super()._layer(graph, x, layer)
        if layer.index in self._described:
            self._states.append(self._means.mean(graph, x))
        return x

    def _head(self, graph: GraphBuilder, x: str, index: int) -> str:
        read = first_token(graph, x) if self.pooling is None else self.pooling.mean(graph, x)
        return graph.op("Concat", super()._head(graph, x, index), *self._states, read, axis=-1)
