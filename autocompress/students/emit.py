"""Emits weights and a configuration as one ONNX model."""

from __future__ import annotations

from collections.abc import Mapping

import onnx

from autocompress.artifact.blocks import GraphInputs
from autocompress.compression.quantization import Floats
from autocompress.domain.shape import EncoderShape
from autocompress.students.configuration import Configuration
from autocompress.students.registry import STUDENTS
from autocompress.system.errors import InputError


def emit(
    arrays: Mapping[str, Floats], configuration: Configuration, shape: EncoderShape, inputs: GraphInputs
) -> onnx.ModelProto:
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
    return STUDENTS[configuration.student].graph(dict(arrays), configuration, shape, inputs)
