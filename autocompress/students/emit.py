"""From weights and a configuration to one ONNX model; every student type has an emitter here."""

from collections.abc import Callable
from typing import Any

import onnx

from autocompress.artifact.blocks import Arrays, GraphInputs
from autocompress.domain.shape import EncoderShape
from autocompress.students.bilstm.graph import emit_bilstm
from autocompress.students.cnn.graph import emit_cnn
from autocompress.students.configuration import Configuration
from autocompress.students.transformer.graph import emit_transformer
from autocompress.system.errors import InputError

__all__ = ["EMITTERS", "GraphInputs", "emit"]

# Called with arrays, a configuration of that student, the shape, the graph's inputs.
EMITTERS: dict[str, Callable[[Arrays, Any, EncoderShape, GraphInputs], onnx.ModelProto]] = {
    "transformer": emit_transformer,
    "bilstm": emit_bilstm,
    "cnn": emit_cnn,
}


def emit(arrays: Arrays, configuration: Configuration, shape: EncoderShape, inputs: GraphInputs) -> onnx.ModelProto:
    """The graph of ``configuration``: its operators, and ``arrays`` as packed weights; equal calls give equal bytes.

    ``arrays`` have canonical names and are cut already, but for the vocabulary: ``embeddings.word`` is ``[V, E]``.
    Inputs: ``input_ids`` and ``attention_mask`` int64 ``[batch, sequence]``, and ``token_type_ids`` for pairs where
    the weights tell types apart. Output: ``logits`` float32 ``[batch, num_outputs]``.
    """
    rows = len(arrays["embeddings.word"])
    if rows != len(inputs.vocabulary_order):
        raise InputError(
            f"the embeddings must have a row for each of {len(inputs.vocabulary_order)} tokens, but have {rows}; "
            "prepare the study again"
        )
    return EMITTERS[configuration.student](arrays, configuration, shape, inputs)
