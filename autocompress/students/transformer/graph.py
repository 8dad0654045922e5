"""Emits a sub-network of the encoder as an ONNX graph with ONNX Runtime's fused and quantized operators."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto

from autocompress.artifact.blocks import (
    ATTENTION_MASK,
    INPUT_IDS,
    TOKEN_TYPE_IDS,
    TOKENS_NEEDED,
    Arrays,
    GraphInputs,
    Pooling,
    activation,
    finished,
    first_token,
    head,
    layer_norm,
    linear,
    word_embeddings,
)
from autocompress.artifact.graph import GraphBuilder
from autocompress.artifact.packing import stored_dequantized
from autocompress.compression.quantization import Floats
from autocompress.domain.shape import RELATIVE_BIAS, EncoderShape
from autocompress.networks.relative_positions import distance_buckets
from autocompress.students.attention_forms import attention_of
from autocompress.students.attention_forms.form import Mixing
from autocompress.students.exit_policies import EXIT_POLICIES
from autocompress.students.linear_forms import LinearSettings, form_of
from autocompress.students.token_policies import out_of_place, tokens_of
from autocompress.students.transformer.configuration import LayerConfiguration, TransformerConfiguration
from autocompress.students.transformer.costs import attention_settings, feed_forward_settings
from autocompress.students.transformer.fewer_tokens_graph import emit_fewer_tokens
from autocompress.students.transformer.sharing import weight_owners
from autocompress.students.weight_settings import side_bits
from autocompress.system.errors import InputError


def emit_transformer(
    arrays: Arrays, configuration: TransformerConfiguration, shape: EncoderShape, inputs: GraphInputs
) -> onnx.ModelProto:
    """Return the ONNX model of ``arrays``, which are already cut to ``configuration``; exits are nested `If` nodes.

    InputError for exits by a policy of classes in a regression, and the other way round.
    """
    if configuration.exit is not None and (EXIT_POLICIES[configuration.exit.policy].most_outputs == 1) != (
        shape.num_outputs == 1
    ):
        raise InputError(
            f"exits by agreement are for a regression, all others for 2 classes or more, but got {shape.num_outputs} "
            f"outputs and {configuration.exit.policy}; choose another policy or drop the exit"
        )
    return TransformerEmitter(arrays, configuration, shape, inputs).model()


class TransformerEmitter:
    """Builds the graph of one configuration; ``model`` returns it."""

    def __init__(
        self, arrays: Arrays, configuration: TransformerConfiguration, shape: EncoderShape, inputs: GraphInputs
    ) -> None:
        self.arrays, self.configuration, self.shape, self.inputs = arrays, configuration, shape, inputs
        self.owners = weight_owners(configuration)
        self.graph = GraphBuilder(every_constant_once=len(set(self.owners.values())) < len(self.owners))
        # The mean for the first exit depends on the opset and is built before later layers' weights are stored.
        if any(2 in (layer.attention_bits, layer.feed_forward_bits) for layer in configuration.layers):
            self.graph.expect(TensorProto.INT2)
        types = arrays.get("embeddings.token_type")
        self.token_types = inputs.pair and types is not None and len(types) > 1
        self.mask = self.graph.op("Cast", ATTENTION_MASK, to=TensorProto.INT32)
        self.pooling = Pooling(self.graph)
        self.buckets = self._buckets() if shape.relative_attention_num_buckets else ""

    def model(self) -> onnx.ModelProto:
        """Return the finished model."""
        logits = self._layers(self.graph, self._embeddings(), 0)
        return finished(self.graph, logits, self.shape.num_outputs, token_types=self.token_types)

    def _embeddings(self) -> str:
        graph, arrays, bits = self.graph, self.arrays, self.configuration.embedding_bits
        kept = self.configuration.vocabulary_size
        x = word_embeddings(graph, arrays["embeddings.word"], self.inputs, kept, bits)
        positions = arrays["embeddings.position"][: self.inputs.max_length]
        if "embeddings.token_type" in arrays and not self.token_types:
            positions = positions + arrays["embeddings.token_type"][0]
        table = stored_dequantized(graph, positions, side_bits(bits))
        positions_read = self._leading(table, 0)
        # This node fails if a text is longer than the table, and ONNX Runtime's error contains its name.
        x = graph.op("Add", x, positions_read, name=f"texts_have_at_most_{len(positions)}_tokens")
        if self.token_types:
            types = graph.constant(arrays["embeddings.token_type"])
            x = graph.op("Add", x, graph.op("Gather", types, TOKEN_TYPE_IDS))
        x = layer_norm(graph, x, arrays, "embeddings.norm", self.shape.layer_norm_epsilon)
        name = "embeddings.projection"
        if f"{name}.weight" in arrays:
            x = linear(graph, x, arrays[f"{name}.weight"], arrays[f"{name}.bias"], side_bits(bits))
        return x

    def _leading(self, x: str, axis: int) -> str:
        """Add the leading part of a stored array along an axis, as long as the texts."""
        length = self.graph.op("Shape", INPUT_IDS, start=1, end=2)
        return self.graph.op("Slice", x, self.graph.integers(0), length, self.graph.integers(axis))

    def _buckets(self) -> str:
        """Add the bucket of each query and key by their distance, int32 ``[1, sequence, sequence]``."""
        graph, longest = self.graph, self.inputs.max_length
        places = np.arange(longest, dtype=np.int32)
        keys = self._leading(graph.constant(places[None, None, :] + np.int32(longest - 1)), 2)
        distances = graph.op("Sub", keys, self._leading(graph.constant(places[None, :, None]), 1))
        buckets = distance_buckets(longest, self.shape.relative_attention_num_buckets).astype(np.int32)
        return graph.op("Gather", graph.constant(buckets), distances)

    def _relative_bias(self, graph: GraphBuilder, index: int, *, only_first: bool) -> str:
        """Add the bias of layer ``index``, ``[1, heads, queries, sequence]``; return an empty name without a table."""
        if f"layers.{index}.{RELATIVE_BIAS}" not in self.arrays:
            return ""
        buckets = self.buckets
        if only_first:
            buckets = graph.op("Slice", buckets, graph.integers(0), graph.integers(1), graph.integers(1))
        # Rows of all heads, then a Transpose: a Gather for each head takes three times as long at 30 tokens.
        rows = graph.op("Gather", graph.constant(self.arrays[f"layers.{index}.{RELATIVE_BIAS}"]), buckets)
        return graph.op("Transpose", rows, perm=[0, 3, 1, 2])

    def _layers(self, graph: GraphBuilder, x: str, start: int, heads: tuple[str, ...] = ()) -> str:
        """Add the kept layers from ``start`` on, those after an exit in its else branch; return the logits' name.

        ``heads`` are the logits at the exits below. Where no score can be above the threshold yet, there is no `If`.
        """
        layers, exit_ = self.configuration.layers, self.configuration.exit
        needed = 0 if exit_ is None else EXIT_POLICIES[exit_.policy].heads_needed(exit_.threshold)
        for place in range(start, len(layers)):
            x = self._layer(graph, x, layers[place])
            if exit_ is not None and layers[place].index in exit_.layers:
                heads = (*heads, self._head(graph, x, layers[place].index))
                if len(heads) >= needed:
                    return self._exit(graph, x, place, heads)
        return self._head(graph, x, layers[-1].index)

    def _exit(self, graph: GraphBuilder, x: str, place: int, heads: tuple[str, ...]) -> str:
        """Add an `If` that returns the last of ``heads`` if the policy's score of every text is above the threshold."""
        assert self.configuration.exit is not None
        logits, read = heads[-1], [self._scaled(graph, one) for one in heads]
        scores = EXIT_POLICIES[self.configuration.exit.policy].emitted(graph, read, self.shape.num_outputs)
        least = graph.op("ReduceMin", scores, keepdims=0)
        threshold = graph.constant(np.array(self.configuration.exit.threshold, np.float32))
        exits = graph.op("Greater", least, threshold)
        leave, stay = graph.branch(), graph.branch()
        left = leave.op("Identity", logits)
        stayed = self._layers(stay, x, place + 1, heads)
        branches = {"then_branch": leave.branch_graph(left), "else_branch": stay.branch_graph(stayed)}
        return graph.op("If", exits, **branches)

    def _scaled(self, graph: GraphBuilder, logits: str) -> str:
        """Add outputs in units of the teacher's standard deviation, as policies read those of a regression."""
        scale = self.shape.output_scale
        return logits if scale == 1.0 else graph.op("Div", logits, graph.constant(np.array(scale, np.float32)))

    def _layer(self, graph: GraphBuilder, x: str, layer: LayerConfiguration) -> str:
        """Add one encoder layer; in the last one, if the head reads [CLS] alone, only [CLS] is a query and goes on."""
        name, epsilon = f"layers.{self.owners[layer.index]}", self.shape.layer_norm_epsilon
        only_first = layer is self.configuration.layers[-1] and self.shape.pooling_after(layer.index) == "first"
        queries = first_token(graph, x, keep_axis=True, name=TOKENS_NEEDED) if only_first else x
        parts, offset = self._projected(graph, queries, x, layer), attention_of(layer).offset
        if only_first or tokens_of(layer) is None:
            mixed = self._mixed(graph, parts, layer, only_first=only_first)
        elif self.buckets:
            raise out_of_place(layer)
        else:
            queries, mixed, self.pooling = emit_fewer_tokens(graph, x, parts, self.pooling, layer, self.shape.head_size)
            self.mask = ""
        added = self.arrays[f"{name}.{offset}"] if offset else None
        attended = self._linear(graph, mixed, [f"{name}.attention.output"], attention_settings(layer), added)
        # Add would be fused with the norm into SkipLayerNormalization, which takes several times as long.
        x = layer_norm(graph, graph.op("Sum", queries, attended), self.arrays, f"{name}.attention.norm", epsilon)
        y = self._linear(graph, x, [f"{name}.feed_forward.up"], feed_forward_settings(layer))
        y = activation(graph, y, self.shape.hidden_activation)
        y = self._linear(graph, y, [f"{name}.feed_forward.down"], feed_forward_settings(layer))
        return layer_norm(graph, graph.op("Sum", x, y), self.arrays, f"{name}.feed_forward.norm", epsilon)

    def _mixed(self, graph: GraphBuilder, parts: list[str], layer: LayerConfiguration, *, only_first: bool) -> str:
        """Add the contexts ``[batch, tokens, heads * head_size]`` of all tokens, or of the first one alone."""
        form, owner = attention_of(layer), self.owners[layer.index]
        bias = self._relative_bias(graph, owner, only_first=only_first)
        kernel = self.arrays[f"layers.{owner}.{form.kernel}"] if form.kernel else None
        sizes = layer.num_attention_heads, self.shape.head_size
        mixed = form.emitted(graph, parts, Mixing(sizes, self._mask, self.pooling, bias, kernel))
        every_token = only_first and "query" not in form.projections
        return first_token(graph, mixed, keep_axis=True) if every_token else mixed

    def _mask(self, graph: GraphBuilder) -> str:
        """Return the int32 mask of the tokens that are left; after some are dropped, add it where it is needed."""
        self.mask = self.mask or graph.op("Cast", self.pooling.mask, to=TensorProto.INT32)
        return self.mask

    def _projected(self, graph: GraphBuilder, queries: str, x: str, layer: LayerConfiguration) -> list[str]:
        """Add the projections that the layer's attention reads, ``[batch, tokens, heads * head_size]`` each.

        Where queries are all tokens, one product computes query, key and value.
        """
        read = attention_of(layer).projections
        names = [f"layers.{self.owners[layer.index]}.attention.{part}" for part in read]
        settings = attention_settings(layer)
        if len(names) == 1:
            return [self._linear(graph, x, names, settings)]
        if queries == x:
            fused = self._linear(graph, x, names, settings)
            return graph.ops("Split", [fused], 3, axis=-1, num_outputs=3)
        fused = self._linear(graph, x, names[1:], settings)
        parts = graph.ops("Split", [fused], 2, axis=-1, num_outputs=2)
        return [self._linear(graph, queries, names[:1], settings), *parts]

    def _linear(
        self, graph: GraphBuilder, x: str, names: list[str], settings: LinearSettings, added: Floats | None = None
    ) -> str:
        """Add the concatenated outputs of the named linear layers, in the form that the settings ask for.

        ``added`` [in] is a constant summand of the inputs of a single one; its bias takes that over.
        """
        weights = [self.arrays[f"{name}.weight"] for name in names]
        bias = np.concatenate([self.arrays[f"{name}.bias"] for name in names])
        if added is not None:
            bias = bias + form_of(settings).approximated(weights[0], settings) @ added
        return form_of(settings).emitted(graph, x, weights, bias, settings)

    def _head(self, graph: GraphBuilder, x: str, index: int) -> str:
        bits, act = side_bits(self.configuration.embedding_bits), self.shape.activation_after(index)
        return head(graph, self._pooled(graph, x, index), self.arrays, f"heads.{index}", act=act, bits=bits)

    def _pooled(self, graph: GraphBuilder, x: str, index: int) -> str:
        """Add the pooled output of layer ``index``, ``[batch, width]``, which the head after it reads."""
        return first_token(graph, x) if self.shape.pooling_after(index) == "first" else self.pooling.mean(graph, x)
