"""Adds the parts of a graph that all student types share: inputs, embeddings, linear layers, pooling, heads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper

from autocompress.artifact.graph import GraphBuilder
from autocompress.artifact.packing import remapped, stored_codes, stored_dequantized, stored_floats, stored_rows
from autocompress.compression.quantization import Floats, quantize
from autocompress.compression.vocabulary import Vocabulary
from autocompress.system.errors import InputError

Arrays = Mapping[str, Floats]
INPUT_IDS, ATTENTION_MASK, TOKEN_TYPE_IDS, LOGITS = "input_ids", "attention_mask", "token_type_ids", "logits"
FLOAT_TABLE_BYTES = 4 * 2**20
# Added to the attention scores of masked tokens; so large that in a row without tokens all padding has equal weight.
MASKED_SCORE = -1e30
# ONNX Runtime 1.24 does not implement LpNormalization from this operator set on.
NORMALIZES_NO_LONGER = 22
# Names of nodes that fail if the condition does not hold; ONNX Runtime's error contains them.
TEXTS_NEEDED, TOKENS_NEEDED = "a_batch_has_at_least_1_text", "texts_have_at_least_1_token"


@dataclass(frozen=True)
class GraphInputs:
    """Holds the properties of the data that a graph depends on: pairs or single texts, frequent tokens, longest text.

    A configuration that keeps ``v < V`` tokens keeps the first v of the ``vocabulary``, and its graph reads every other
    id as one of those. ``max_length`` is the largest number of tokens in a text; a graph with position embeddings
    refuses longer ones. ``separator_id`` is the token that ends a text of a pair, for teachers without token types;
    their files tell the two texts apart by it.
    """

    pair: bool
    vocabulary: Vocabulary
    max_length: int
    separator_id: int | None = None


def finished(graph: GraphBuilder, logits: str, num_outputs: int, *, token_types: bool = False) -> ModelProto:
    """Return the model: int64 inputs ``[batch, sequence]``, and the float32 output ``logits [batch, num_outputs]``."""
    graph.nodes.append(helper.make_node("Identity", [logits], [LOGITS]))
    names = [INPUT_IDS, ATTENTION_MASK] + [TOKEN_TYPE_IDS] * token_types
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"]) for name in names]
    return graph.model(inputs, helper.make_tensor_value_info(LOGITS, TensorProto.FLOAT, ["batch", num_outputs]))


def linear(graph: GraphBuilder, x: str, weight: Floats, bias: Floats, bits: int, *, sparse: bool = False) -> str:
    """Add ``x [.., in] @ weight[out, in].T + bias [out]`` and return its name.

    Below 32 ``bits`` the product is that of int8 kernels, with activation scales computed at run time.
    """
    if bits == 32:
        stored = stored_floats(graph, np.ascontiguousarray(weight.T), sparse=sparse)
        return graph.op("Add", graph.op("MatMul", x, stored), graph.constant(bias))
    codes, scales = quantize(weight, bits)
    stored = stored_codes(graph, np.ascontiguousarray(codes.T), bits, sparse=sparse)
    return graph.microsoft("DynamicQuantizeMatMul", x, stored, graph.constant(scales), "", graph.constant(bias))


def layer_norm(graph: GraphBuilder, x: str, arrays: Arrays, name: str, epsilon: float) -> str:
    """Add layer normalization of the last axis with ``{name}.weight`` and ``{name}.bias``."""
    weight, bias = graph.constant(arrays[f"{name}.weight"]), graph.constant(arrays[f"{name}.bias"])
    return graph.op("LayerNormalization", x, weight, bias, axis=-1, epsilon=epsilon)


def activation(graph: GraphBuilder, x: str, name: str) -> str:
    """Add ``gelu``, ``gelu_new`` (its tanh approximation), ``relu`` or ``tanh``; InputError for another name."""
    if name == "gelu":
        return graph.microsoft("Gelu", x)
    if name in ("gelu_new", "gelu_pytorch_tanh", "gelu_fast"):
        return graph.microsoft("FastGelu", x)
    if name in ("relu", "tanh"):
        return graph.op(name.capitalize(), x)
    raise InputError(f"the activation must be gelu, gelu_new, relu or tanh, but got {name!r}; use another checkpoint")


def word_embeddings(
    graph: GraphBuilder, table: Floats, inputs: GraphInputs, size: int, bits: int, *, ids: str = INPUT_IDS
) -> str:
    """Add a lookup of ``ids [...]`` in the ``size`` most frequent rows of ``table [V, E]``; it gives ``[..., E]``.

    A small table is decoded to float32 when the session loads, which is the fastest to gather (half the time). A larger
    one is decoded to int8, and rows are scaled after they are gathered. GatherBlockQuantized would keep 4 bits packed,
    but takes 13 times as long (studies/kernels).
    """
    if size < len(table):
        kept, places = kept_tokens(inputs.vocabulary, size)
        ids = graph.op("Gather", remapped(graph, places), ids)
        table = table[kept]
    if bits == 32:
        return graph.op("Gather", graph.constant(table), ids)
    if table.nbytes <= FLOAT_TABLE_BYTES:
        return graph.op("Gather", stored_dequantized(graph, table, bits), ids)
    codes, scales = stored_rows(graph, table, bits)
    rows = graph.op("Cast", graph.op("Gather", codes, ids), to=TensorProto.FLOAT)
    return graph.op("Mul", rows, graph.op("Gather", scales, ids))


def token_types(graph: GraphBuilder, inputs: GraphInputs) -> str:
    """Add the token types ``[batch, sequence]`` of a pair: the input, or 1 after the first separator (else 0)."""
    if inputs.separator_id is None:
        return TOKEN_TYPE_IDS
    ends = graph.op("Equal", INPUT_IDS, graph.constant(np.array(inputs.separator_id, np.int64)))
    before = graph.op("CumSum", graph.op("Cast", ends, to=TensorProto.INT64), graph.integers(1), exclusive=1)
    return graph.op("Min", before, graph.integers(1))


def kept_tokens(vocabulary: Vocabulary, size: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the ids whose rows are kept, and for each id [V] the place among them of the one it is read as.

    The unknown token is first, then the others follow in increasing order, so that one bit per id encodes them.
    """
    sorted_ids = np.sort(vocabulary.order[:size])
    others = sorted_ids[sorted_ids != vocabulary.unknown_id]
    kept = np.concatenate([np.array([vocabulary.unknown_id], others.dtype), others])
    places = np.zeros(len(vocabulary), np.int64)
    places[kept] = np.arange(len(kept))
    return kept, places[vocabulary.read_as(size)]


class Pooling:
    """Adds means and maxima over the tokens of each text; values derived from the mask are computed once per graph.

    The mean of a text without tokens is 0. With ``texts_needed`` the graph refuses a batch without texts.
    """

    def __init__(self, graph: GraphBuilder, *, texts_needed: bool = False) -> None:
        self._root, self._texts_needed = graph.root, texts_needed

    @cached_property
    def mask(self) -> str:
        """The mask as float32, ``[batch, sequence]``."""
        return self._root.op("Cast", ATTENTION_MASK, to=TensorProto.FLOAT)

    @cached_property
    def row(self) -> str:
        """The mask as float32, ``[batch, 1, sequence]``."""
        if not self._texts_needed:
            return self._root.op("Unsqueeze", self.mask, self._root.integers(1))
        # Reshape rejects a batch of 0 texts, since it cannot infer a dimension (-1) next to a copied one of size 0.
        return self._root.op("Reshape", self.mask, self._root.integers(0, 1, -1), name=TEXTS_NEEDED)

    @cached_property
    def counts(self) -> str:
        """The number of tokens of each text as float32, ``[batch, 1, 1]``."""
        return self._root.op("ReduceSum", self.row, self._root.integers(2))

    @cached_property
    def _shares(self) -> str:
        if self._root.opset < NORMALIZES_NO_LONGER:
            return self._root.op("LpNormalization", self.row, axis=-1, p=1)
        at_least_one = self._root.op("Clip", self.counts, self._root.constant(np.array(1, np.float32)))
        return self._root.op("Div", self.row, at_least_one)

    @cached_property
    def _column(self) -> str:
        return self._root.op("Reshape", self.mask, self._root.integers(-1, 0, 1), name=TOKENS_NEEDED)

    def mean(self, graph: GraphBuilder, x: str) -> str:
        """Add the mean over the tokens of ``x [batch, sequence, width]``, ``[batch, width]``."""
        return graph.op("Squeeze", graph.op("MatMul", self._shares, x), graph.integers(1))

    def zeroed(self, graph: GraphBuilder, x: str) -> str:
        """Add a copy of ``x [batch, sequence, width]`` with zeros at padding."""
        return graph.op("Mul", x, self._column)

    def maximum(self, graph: GraphBuilder, x: str, least: float) -> str:
        """Add the maximum over the tokens of ``x [batch, sequence, width]``, ``[batch, width]``.

        No value of ``x`` may be below ``least``, which is the maximum of a text without tokens.
        """
        if least == 0:
            kept = self.zeroed(graph, x)
        else:
            inside = graph.op("Cast", self._column, to=TensorProto.BOOL)
            kept = graph.op("Where", inside, x, graph.constant(np.array(least, np.float32)))
        return graph.op("ReduceMax", kept, graph.integers(1), keepdims=0)


def first_token(graph: GraphBuilder, x: str, *, keep_axis: bool = False, name: str = "") -> str:
    """Add the vector of the first token, [CLS], ``[batch, width]``, or ``[batch, 1, width]`` with ``keep_axis``."""
    place = graph.constant(np.array([0] if keep_axis else 0, np.int64))
    return graph.op("Gather", x, place, axis=1, name=name)


def head(graph: GraphBuilder, pooled: str, arrays: Arrays, name: str, *, act: str, bits: int) -> str:
    """Add a head on ``pooled [batch, width]``: linear, activation, linear; it gives logits ``[batch, num_outputs]``.

    It is computed in float32. The first weight is stored in ``bits`` bits and decoded when the session loads.
    """
    weight = stored_dequantized(graph, arrays[f"{name}.dense.weight"], bits)
    hidden = graph.op("Gemm", pooled, weight, graph.constant(arrays[f"{name}.dense.bias"]), transB=1)
    out = graph.constant(arrays[f"{name}.out.weight"]), graph.constant(arrays[f"{name}.out.bias"])
    return graph.op("Gemm", activation(graph, hidden, act), *out, transB=1)
