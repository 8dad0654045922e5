from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


@dataclass(frozen=True)
class Rows:
    tokens: np.ndarray
    type_ids: np.ndarray
    offsets: np.ndarray
    labels: np.ndarray


def random_rows(count: int, seed: int = 0, vocabulary: int = 1000) -> Rows:
    rng = np.random.default_rng(seed)
    lengths = np.clip(rng.poisson(12, count), 3, 40)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Rows(
        tokens=rng.integers(5, vocabulary, offsets[-1]).astype(np.int32),
        type_ids=rng.integers(0, 2, offsets[-1]).astype(np.int8),
        offsets=offsets,
        labels=rng.integers(0, 2, count),
    )


def tiny_model(scale: float = 1.0) -> onnx.ModelProto:
    """logits [batch, 2] = masked sum of the token ids times (scale, -scale)."""
    shape = ["batch", "sequence"]
    inputs = [helper.make_tensor_value_info(n, TensorProto.INT64, shape) for n in ("input_ids", "attention_mask")]
    nodes = [
        helper.make_node("Mul", ["input_ids", "attention_mask"], ["kept"]),
        helper.make_node("Cast", ["kept"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["numbers", "axes"], ["sum"], keepdims=1),
        helper.make_node("MatMul", ["sum", "weight"], ["logits"]),
    ]
    constants = [
        numpy_helper.from_array(np.array([1], np.int64), "axes"),
        numpy_helper.from_array(np.array([[scale, -scale]], np.float32), "weight"),
    ]
    output = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2])
    graph = helper.make_graph(nodes, "tiny", inputs, [output], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
