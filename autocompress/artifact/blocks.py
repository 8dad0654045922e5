"""Parts of a graph that every student type has: inputs, embeddings, linear layers, pooling, heads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, ValueInfoProto, helper

from autocompress.artifact.graph import GraphBuilder
from autocompress.artifact.storage import remapped, stored_codes, stored_dequantized, stored_floats, stored_rows
from autocompress.compression.quantization import Floats, quantize
from autocompress.errors import InputError

Arrays = Mapping[str, Floats]
INPUT_IDS, ATTENTION_MASK, TOKEN_TYPE_IDS, LOGITS = "input_ids", "attention_mask", "token_type_ids", "logits"
_EXCLUDED = np.float32(-1e30)


@dataclass(frozen=True)
class GraphInputs:
    """What a graph has to know of the data: the tokens kept, the unknown token, and whether texts come in pairs.

    ``vocabulary_order`` int32 ``[V]``: token ids, most frequent first. A table of ``v < V`` rows holds the first v of
    them in that order, and every other id is read as ``unknown_id``; a table of V rows is in the order of the ids.
    ``max_length`` is the largest number of tokens a text is cut to.
    """

    pair: bool
    vocabulary_order: NDArray[np.int32]
    unknown_id: int
    max_length: int


def graph_input(name: str) -> ValueInfoProto:
    """An int64 input ``[batch, sequence]``."""
    return helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"])


def logits_output(num_outputs: int) -> ValueInfoProto:
    """The output: float32 ``[batch, num_outputs]``, named ``logits``."""
    return helper.make_tensor_value_info(LOGITS, TensorProto.FLOAT, ["batch", num_outputs])


def finish(graph: GraphBuilder, logits: str) -> None:
    """Give ``logits`` its public name."""
    graph.nodes.append(helper.make_node("Identity", [logits], [LOGITS]))


def linear(graph: GraphBuilder, x: str, weight: Floats, bias: Floats, bits: int, *, sparse: bool = False) -> str:
    """``x [.., in] @ weight[out, in].T + bias``; below 32 bits by int8 kernels with dynamic activation scales."""
    if bits == 32:
        stored = stored_floats(graph, np.ascontiguousarray(weight.T), sparse=sparse)
        return graph.op("Add", graph.op("MatMul", x, stored), graph.constant(bias))
    codes, scales = quantize(weight, bits)
    stored = stored_codes(graph, np.ascontiguousarray(codes.T), bits, sparse=sparse)
    return graph.microsoft("DynamicQuantizeMatMul", x, stored, graph.constant(scales), "", graph.constant(bias))


def layer_norm(graph: GraphBuilder, x: str, arrays: Arrays, name: str, epsilon: float) -> str:
    """Layer normalization of the last axis with ``{name}.weight`` and ``{name}.bias``."""
    weight, bias = graph.constant(arrays[f"{name}.weight"]), graph.constant(arrays[f"{name}.bias"])
    return graph.op("LayerNormalization", x, weight, bias, axis=-1, epsilon=epsilon)


def activation(graph: GraphBuilder, x: str, name: str) -> str:
    """``gelu``, ``gelu_new`` (tanh form), ``relu`` or ``tanh``; InputError for another name."""
    if name == "gelu":
        return graph.microsoft("Gelu", x)
    if name in ("gelu_new", "gelu_pytorch_tanh", "gelu_fast"):
        return graph.microsoft("FastGelu", x)
    if name in ("relu", "tanh"):
        return graph.op(name.capitalize(), x)
    raise InputError(f"the activation must be gelu, gelu_new, relu or tanh, but got {name!r}; use another checkpoint")


def word_embeddings(graph: GraphBuilder, arrays: Arrays, inputs: GraphInputs, bits: int) -> str:
    """``[batch, sequence, E]``: rows gathered in their packed type and dequantized after that."""
    table = arrays["embeddings.word"]
    ids = INPUT_IDS
    if len(table) < len(inputs.vocabulary_order):
        table, kept = rows_by_id(table, inputs)
        ids = graph.op("Gather", remapped(graph, kept, len(inputs.vocabulary_order)), INPUT_IDS)
    if bits == 32:
        return graph.op("Gather", graph.constant(table), ids)
    codes, scales = stored_rows(graph, table, bits)
    rows = graph.op("Cast", graph.op("Gather", codes, ids), to=TensorProto.FLOAT)
    return graph.op("Mul", rows, graph.op("Gather", scales, ids))


def rows_by_id(table: Floats, inputs: GraphInputs) -> tuple[Floats, NDArray[np.int32]]:
    """The unknown token's row, then the other kept rows by increasing id; and those ids."""
    kept = inputs.vocabulary_order[: len(table)]
    unknown = np.flatnonzero(kept == inputs.unknown_id)
    if len(unknown) != 1:
        raise InputError(
            f"the unknown token {inputs.unknown_id} must be among the {len(table)} tokens kept; keep more tokens"
        )
    order = np.argsort(kept, kind="stable")
    order = order[order != unknown[0]]
    return table[np.concatenate([unknown, order])], kept[order]


class Pooling:
    """Means and maxima over the tokens that the mask keeps; the mask's values are computed once for a graph."""

    def __init__(self, graph: GraphBuilder) -> None:
        mask = graph.op("Cast", ATTENTION_MASK, to=TensorProto.FLOAT)
        self._column = graph.op("Unsqueeze", mask, graph.integers(2))
        row = graph.op("Unsqueeze", mask, graph.integers(1))
        self._shares = graph.op("Div", row, graph.op("ReduceSum", row, graph.integers(2)))
        self._bias = ""

    def mean(self, graph: GraphBuilder, x: str) -> str:
        """``[batch, width]`` mean of ``x [batch, sequence, width]``."""
        return graph.op("Squeeze", graph.op("MatMul", self._shares, x), graph.integers(1))

    def zeroed(self, graph: GraphBuilder, x: str) -> str:
        """``x`` with zeros at masked tokens."""
        return graph.op("Mul", x, self._column)

    def maximum(self, graph: GraphBuilder, x: str) -> str:
        """``[batch, width]`` largest value of each channel."""
        inside = graph.op("Cast", self._column, to=TensorProto.BOOL)
        kept = graph.op("Where", inside, x, graph.constant(np.array(_EXCLUDED)))
        return graph.op("ReduceMax", kept, graph.integers(1), keepdims=0)


def first_token(graph: GraphBuilder, x: str) -> str:
    """``[batch, width]``: the vector of the first token, [CLS]."""
    return graph.op("Gather", x, graph.constant(np.array(0, np.int64)), axis=1)


def head(graph: GraphBuilder, pooled: str, arrays: Arrays, name: str, act: str, bits: int) -> str:
    """Logits ``[batch, num_outputs]`` from ``pooled [batch, width]``: dense, activation, out, all in float32.

    The dense weight is stored in ``bits`` bits and decoded at session load.
    """
    weight = stored_dequantized(graph, arrays[f"{name}.dense.weight"], bits)
    hidden = graph.op("Gemm", pooled, weight, graph.constant(arrays[f"{name}.dense.bias"]), transB=1)
    out = graph.constant(arrays[f"{name}.out.weight"]), graph.constant(arrays[f"{name}.out.bias"])
    return graph.op("Gemm", activation(graph, hidden, act), *out, transB=1)


def side_bits(bits: int) -> int:
    """Bits of the small matrices beside the layers (positions, heads): 8, or 32 where nothing is quantized."""
    return 32 if bits == 32 else 8


def declared(names: list[str]) -> list[Any]:
    """Graph inputs of these names."""
    return [graph_input(name) for name in names]
