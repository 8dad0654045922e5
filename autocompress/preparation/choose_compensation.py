"""Chooses the compensation methods that bring sub-networks of the teacher nearer to it, judged by their ONNX files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from autocompress.distillation.batches import TensorBatch, tensor_batch
from autocompress.domain.shape import EncoderShape
from autocompress.evaluation.compile import Compiled, serialise
from autocompress.networks.weights import Arrays
from autocompress.students.linear_forms.low_rank import RANK
from autocompress.students.transformer.compensation import LOW_RANK, RECONSTRUCTION, ROUNDING, Compensation, input_grams
from autocompress.students.transformer.configuration import TransformerConfiguration
from autocompress.study.prepared import Prepared
from autocompress.tasks.encoding import EncodedDataset
from autocompress.tasks.metrics import unexplained

CALIBRATION_ROWS, BATCH = 512, 16


def useful_compensation(
    prepared: Prepared, arrays: Arrays, shape: EncoderShape, count: int = CALIBRATION_ROWS
) -> Compensation:
    """Return the methods that reduce the error of their example, with Gram matrices from ``count`` training texts.

    The example of reconstruction is the teacher at half of each width in 8 bits, that of low rank the whole teacher at
    three eighths of it, that of compensated rounding in 4 bits; the error is that of the outputs on validation texts.
    All methods minimize errors over all tokens, which may not help where the head reads only one. Without a useful
    method there are no matrices.
    """
    data = prepared.data
    grams = input_grams(shape, arrays, unpadded_texts(data, count))
    rows = np.arange(min(count, len(data.validation)))
    validation, exact = data.validation.subset(rows), prepared.origin_outputs[rows]

    def error(configuration: TransformerConfiguration, *methods: str) -> float:
        weights = Compensation(grams, frozenset(methods)).cut(arrays, shape, configuration)
        file = Compiled(prepared, serialise(prepared, weights, shape, configuration))
        return unexplained(file.outputs(validation), exact)

    methods = {method for method, example in _examples(shape).items() if error(example, method) < error(example)}
    return Compensation(grams if methods else {}, frozenset(methods))


def _examples(shape: EncoderShape) -> dict[str, TransformerConfiguration]:
    """The configuration that each method is judged on."""
    half = TransformerConfiguration.uniform(
        shape,
        num_attention_heads=max(1, shape.num_attention_heads // 2),
        intermediate_size=max(1, shape.intermediate_size // 2),
    )
    whole = TransformerConfiguration.uniform(shape)
    thin = replace(whole, layers=tuple(replace(layer, extra=((RANK, 0.375),)) for layer in whole.layers))
    fewer_bits = TransformerConfiguration.uniform(shape, 4, embedding_bits=8)
    return {RECONSTRUCTION: half, LOW_RANK: thin, ROUNDING: fewer_bits}


def unpadded_texts(data: EncodedDataset, count: int = CALIBRATION_ROWS) -> Iterator[TensorBatch]:
    """Yield ``count`` random training texts in batches of equal length, which need no padding."""
    split = data.splits["train"]
    no_targets = np.zeros((len(split), 1), np.float32)
    rows = np.random.default_rng(1).permutation(len(split))[:count]
    for length in np.unique(split.lengths[rows]):
        equally_long = rows[split.lengths[rows] == length]
        for begin in range(0, len(equally_long), BATCH):
            yield tensor_batch(split, equally_long[begin : begin + BATCH], data.pad_id, no_targets)
