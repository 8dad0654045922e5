"""Which compensations bring cuts of the teacher nearer to it, judged by the files that would be made."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from autocompress.distillation.batches import TensorBatch, tensor_batch
from autocompress.domain.shape import EncoderShape
from autocompress.evaluation.compile import Compiled, serialise
from autocompress.networks.weights import Arrays
from autocompress.students.transformer.compensation import RECONSTRUCTION, ROUNDING, Compensation, input_grams
from autocompress.students.transformer.configuration import TransformerConfiguration
from autocompress.study.prepared import Prepared
from autocompress.tasks.encoding import EncodedDataset
from autocompress.tasks.metrics import unexplained

CALIBRATION_ROWS, BATCH = 512, 16


def useful_compensation(
    prepared: Prepared, arrays: Arrays, shape: EncoderShape, count: int = CALIBRATION_ROWS
) -> Compensation:
    """Gram matrices of ``count`` texts, and each method that helps on its own example; no matrices where none does.

    Reconstruction is judged on half of each width in 8 bits, compensated rounding on the whole in 4 bits, both by the
    outputs on validation texts. Both even out errors over all tokens, which may be no help where the head reads one of
    them.
    """
    data = prepared.data
    grams = input_grams(shape, arrays, unpadded_texts(data, count))
    rows = np.arange(min(count, len(data.validation)))

    def lost(configuration: TransformerConfiguration, *uses: str) -> float:
        weights = Compensation(grams, frozenset(uses)).cut(arrays, shape, configuration)
        outputs = Compiled(prepared, serialise(prepared, weights, shape, configuration)).outputs(
            data.validation.subset(rows)
        )
        return unexplained(outputs, prepared.validation_outputs[rows])

    uses = {use for use, example in _examples(shape).items() if lost(example, use) < lost(example)}
    return Compensation(grams if uses else {}, frozenset(uses))


def _examples(shape: EncoderShape) -> dict[str, TransformerConfiguration]:
    half = TransformerConfiguration.uniform(
        shape,
        num_attention_heads=max(1, shape.num_attention_heads // 2),
        intermediate_size=max(1, shape.intermediate_size // 2),
    )
    fewer_bits = TransformerConfiguration.uniform(shape, 4, embedding_bits=8)
    return {RECONSTRUCTION: half, ROUNDING: fewer_bits}


def unpadded_texts(data: EncodedDataset, count: int = CALIBRATION_ROWS) -> Iterator[TensorBatch]:
    """``count`` calibration texts, those of equal length together, so that there is no padding."""
    split = data.splits["train"]
    no_targets = np.zeros((len(split), 1), np.float32)
    rows = np.random.default_rng(1).permutation(len(split))[:count]
    for length in np.unique(split.lengths[rows]):
        like = rows[split.lengths[rows] == length]
        for begin in range(0, len(like), BATCH):
            yield tensor_batch(split, like[begin : begin + BATCH], data.pad_id, no_targets)
