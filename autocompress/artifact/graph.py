"""Builds an ONNX graph node by node; branches of an `If` are child builders that share the root's initializers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

MICROSOFT = "com.microsoft"
# The lowest (opset, IR version) that supports the tensor types of a graph, so that old runtimes load it.
_PLAIN = (18, 8)
_PACKED: dict[int, tuple[int, int]] = {
    TensorProto.INT4: (21, 10),
    TensorProto.UINT4: (21, 10),
    TensorProto.INT2: (25, 13),
}
_DEDUPLICATED_BYTES = 256
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class GraphBuilder:
    """Collects nodes in the order of the calls, and gives values short names that depend on that order alone.

    Initializers and the nodes that decode them are added to the root graph, even if a branch uses them, so that
    ONNX Runtime folds the decoding once when the session loads.
    """

    def __init__(self, parent: GraphBuilder | None = None, *, every_constant_once: bool = False) -> None:
        """Create a builder of a graph, or of a branch of ``parent``.

        Of equal arrays of any size one is stored if ``every_constant_once``, else of small ones only.
        """
        self.root: GraphBuilder = self if parent is None else parent.root
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._count = 0
        self._small: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._needs = _PLAIN
        self._every_constant_once = every_constant_once

    def constant(self, array: NDArray[Any]) -> str:
        """Add an initializer and return its name; equal arrays, if small, are stored once, INT4 and INT2 packed."""
        root = self.root
        key = root._key(array)
        if key is not None and key in root._small:
            return root._small[key]
        tensor = numpy_helper.from_array(np.asarray(array, order="C"), root.name())
        root.expect(tensor.data_type)
        root.initializers.append(tensor)
        if key is not None:
            root._small[key] = tensor.name
        return tensor.name

    def _key(self, array: NDArray[Any]) -> tuple[str, tuple[int, ...], bytes] | None:
        """Return what equal arrays have in common if they are to be stored once, else None."""
        if array.nbytes <= _DEDUPLICATED_BYTES:
            return str(array.dtype), array.shape, array.tobytes()
        digest = hashlib.sha256(array.tobytes()).digest() if self._every_constant_once else b""
        return (str(array.dtype), array.shape, digest) if digest else None

    @property
    def opset(self) -> int:
        """The lowest operator set that the tensors need, both those added and those announced by ``expect``."""
        return self.root._needs[0]

    def expect(self, data_type: int) -> None:
        """Announce a tensor of this type (a TensorProto number), so that nodes before it can depend on ``opset``."""
        self.root._needs = max(self.root._needs, _PACKED.get(data_type, _PLAIN))

    def integers(self, *values: int) -> str:
        """Add an int64 vector, such as axes or a shape, and return its name."""
        return self.constant(np.array(values, np.int64))

    def op(self, op_type: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add a node with one output and return the output's name."""
        return self.ops(op_type, inputs, 1, domain, **attributes)[0]

    def microsoft(self, op_type: str, *inputs: str, **attributes: Any) -> str:
        """Add a node of ONNX Runtime's own domain with one output and return the output's name."""
        return self.op(op_type, *inputs, domain=MICROSOFT, **attributes)

    def ops(self, op_type: str, inputs: Sequence[str], outputs: int, domain: str = "", **attributes: Any) -> list[str]:
        """Add a node with several outputs and return their names."""
        names = [self.root.name() for _ in range(outputs)]
        self.nodes.append(helper.make_node(op_type, list(inputs), names, domain=domain, **attributes))
        return names

    def name(self) -> str:
        """Return an unused name: the number of names so far, in base 36."""
        number, digits = self.root._count, ""
        self.root._count += 1
        while number >= 0:
            digits = _DIGITS[number % 36] + digits
            number = number // 36 - 1
        return digits

    def branch(self) -> GraphBuilder:
        """Return a builder for one branch of an `If`; its nodes may read every value of this builder."""
        return GraphBuilder(self)

    def branch_graph(self, output: str) -> onnx.GraphProto:
        """Return this branch as the graph of an `If`, with one float output."""
        return helper.make_graph(self.nodes, "b", [], [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)])

    def model(self, inputs: Sequence[onnx.ValueInfoProto], output: onnx.ValueInfoProto) -> onnx.ModelProto:
        """Return the finished model, without documentation strings or times: equal calls give equal bytes."""
        opset, ir_version = self._needs
        imports = [helper.make_opsetid("", opset), helper.make_opsetid(MICROSOFT, 1)]
        graph = helper.make_graph(self.nodes, "g", list(inputs), [output], self.initializers)
        return helper.make_model(
            graph, opset_imports=imports, ir_version=ir_version, producer_name="autocompress", doc_string=""
        )
