"""From weights and a configuration to one ONNX model; every student type has an emitter here."""

from collections.abc import Callable
from typing import Any

import onnx

from autocompress.artifact.blocks import Arrays, GraphInputs
from autocompress.artifact.emit_transformer import emit_transformer
from autocompress.configuration import Configuration, EncoderShape

__all__ = ["EMITTERS", "GraphInputs", "emit"]

# Called with arrays, a configuration of that student, the shape, the graph's inputs.
EMITTERS: dict[str, Callable[[Arrays, Any, EncoderShape, GraphInputs], onnx.ModelProto]] = {
    "transformer": emit_transformer,
}


def emit(arrays: Arrays, configuration: Configuration, shape: EncoderShape, inputs: GraphInputs) -> onnx.ModelProto:
    """The graph of ``configuration``: ``arrays`` (canonical names, already cut) as packed weights, and its operators.

    Inputs: ``input_ids`` and ``attention_mask`` int64 ``[batch, sequence]``, and ``token_type_ids`` for pairs where
    the weights tell types apart. Output: ``logits`` float32 ``[batch, num_outputs]``. Equal calls give equal bytes.
    """
    return EMITTERS[configuration.student](arrays, configuration, shape, inputs)
