"""Tells which ONNX Runtime a graph needs, as tested by scripts/onnxruntime_versions.py (studies/runtimes)."""

from collections.abc import Iterator, Mapping

import onnx
from onnx import TensorProto

from autocompress.system.errors import InputError

Version = tuple[int, int]
# The oldest version that was tested; it loads operator set 18 and IR version 9.
OLDEST: Version = (1, 15)
# The first version that loads an operator set or an IR version; one between two entries needs that of the higher entry.
_OPSETS: Mapping[int, Version] = {
    18: OLDEST,
    19: (1, 16),
    20: (1, 17),
    21: (1, 18),
    22: (1, 21),
    23: (1, 23),
    25: (1, 24),
    26: (1, 25),
}
_IR_VERSIONS: Mapping[int, Version] = {9: OLDEST, 10: (1, 18), 11: (1, 23), 13: (1, 24)}
# The first version whose Cast unpacks the types that are stored packed.
_TYPES: Mapping[int, Version] = {TensorProto.INT4: (1, 23), TensorProto.UINT4: (1, 23), TensorProto.INT2: (1, 24)}
# The first versions that compute MultiHeadAttention correctly: self-attention, with one attention bias for all texts of
# a batch, and with queries of another length than keys.
_ATTENTION, _BIASED_ATTENTION, _CROSS_ATTENTION = (1, 16), (1, 20), (1, 21)
_BIAS_INPUT = 5
_NORMALIZATION_22 = (1, 25)


def least_onnxruntime(model: onnx.ModelProto) -> str:
    """Return the oldest version of ONNX Runtime, such as ``1.23``, that loads ``model`` and computes it correctly.

    It follows from the operator set, the IR version, the types of the stored tensors and the operators. InputError for
    an operator set or an IR version that is newer than any that was tested.
    """
    opset = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 1)
    needed = [_from(_OPSETS, opset, "operator set"), _from(_IR_VERSIONS, model.ir_version, "IR version")]
    needed += [_TYPES.get(tensor.data_type, OLDEST) for tensor in model.graph.initializer]
    for graph in _graphs(model.graph):
        makers = {name: number for number, node in enumerate(graph.node) for name in node.output}
        for node in graph.node:
            if node.op_type == "MultiHeadAttention":
                query, keys = (makers.get(name, name) for name in node.input[:2])
                needed.append(_ATTENTION if query == keys else _CROSS_ATTENTION)
                if any(node.input[_BIAS_INPUT:][:1]):
                    needed.append(_BIASED_ATTENTION)
            elif node.op_type == "LpNormalization" and opset >= 22:
                needed.append(_NORMALIZATION_22)
    return ".".join(map(str, max(needed)))


def is_older(version: str, than: str) -> bool:
    """Return whether a version of ONNX Runtime, such as ``1.22.1``, precedes another; only major and minor count."""
    return _parts(version) < _parts(than)


def _parts(version: str) -> list[int]:
    return [int(part) for part in version.split(".")[:2]]


def _from(table: Mapping[int, Version], value: int, what: str) -> Version:
    for known, version in table.items():
        if value <= known:
            return version
    raise InputError(f"the {what} of a graph must be at most {max(table)}, but is {value}; export the model again")


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """Yield the graph and, recursively, those of its `If` branches."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _graphs(attribute.g)
