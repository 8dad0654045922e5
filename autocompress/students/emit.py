"""Builds the ONNX model of a configuration from its weights."""

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
    """Return the ONNX model of ``configuration`` with ``arrays`` as packed weights; equal arguments give equal bytes.

    ``arrays`` have canonical names and are already cut to the configuration, except that ``embeddings.word`` ``[V, E]``
    has a row for every token. The model's inputs are ``input_ids`` and ``attention_mask``, int64 ``[batch, sequence]``,
    and ``token_type_ids`` for pairs if the weights distinguish token types. Its output is ``logits``, float32
    ``[batch, num_outputs]``. InputError if the vocabulary of ``inputs`` has another size.
    """
    rows = len(arrays["embeddings.word"])
    if rows != len(inputs.vocabulary):
        raise InputError(
            f"the embeddings must have a row for each of {len(inputs.vocabulary)} tokens, but have {rows}; "
            "prepare the study again"
        )
    return STUDENTS[configuration.student].graph(dict(arrays), configuration, shape, inputs)
