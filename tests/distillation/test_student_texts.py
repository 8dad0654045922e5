from dataclasses import replace

import numpy as np
import torch

from autocompress.compression.vocabulary import Vocabulary
from autocompress.distillation.batches import TensorBatch
from autocompress.distillation.student_texts import StudentTexts, WordMasking
from autocompress.distillation.transfer import TransferSet
from autocompress.tasks.encoding import EncodedSplit

UNKNOWN = 1
TOKENS = np.array([[2, 7, 5, 3], [2, 6, 4, 3]], np.int32)


def texts() -> StudentTexts:
    split = EncodedSplit(TOKENS.ravel(), np.zeros(8, np.int8), np.array([0, 4, 8]), np.zeros(2, np.int64))
    transfer = TransferSet(split, np.zeros((2, 2), np.float32), 2, 0, UNKNOWN)
    return StudentTexts(transfer, Vocabulary(np.array([2, 3, 1, 0, 5, 6, 7, 4], np.int32), UNKNOWN))


def first_batch() -> TensorBatch:
    return texts().transfer.batch(np.arange(2))


def test_words_outside_a_smaller_vocabulary_are_unknown():
    given, batch = texts(), first_batch()
    for size in (6, 5, 6):
        kept = given.vocabulary.order[:size]
        read = given.in_vocabulary(batch, size)
        assert np.array_equal(read.input_ids.numpy(), np.where(np.isin(TOKENS, kept), TOKENS, UNKNOWN))
        assert read.targets is batch.targets and read.attention_mask is batch.attention_mask
    assert given.in_vocabulary(batch, 8) is batch


def test_words_are_masked_in_every_other_batch_and_as_often_as_asked():
    wide = replace(first_batch(), input_ids=torch.full((200, 50), 7), attention_mask=torch.ones(200, 50).long())
    masking = WordMasking(UNKNOWN, 0.2, seed=0)
    batches = [masking(wide) for _ in range(4)]
    assert batches[0] is batches[2] is wide
    for masked in (batches[1], batches[3]):
        hidden = masked.input_ids == UNKNOWN
        assert not hidden[:, 0].any(), "the first token is none of the words"
        assert abs(float(hidden[:, 1:].float().mean()) - 0.2) < 0.02
    assert not torch.equal(batches[1].input_ids, batches[3].input_ids)
    unmasked = WordMasking(UNKNOWN, 0.0, seed=0)
    assert all(unmasked(wide) is wide for _ in range(4))
