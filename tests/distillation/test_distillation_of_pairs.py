"""A student that aligns learns to compare two texts, which one that reads them as one text cannot."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_models import CONFIGS, random_model

from autocompress.compression.vocabulary import Vocabulary
from autocompress.distillation.student_texts import StudentTexts
from autocompress.distillation.super_network import DistillationSettings, train_super_network
from autocompress.distillation.training import TrainingSettings
from autocompress.distillation.transfer import TransferSet
from autocompress.networks.families.import_encoder import import_encoder
from autocompress.students import STUDENTS
from autocompress.students.alignment.configuration import AlignmentConfiguration
from autocompress.students.alignment.encoders import ENCODERS
from autocompress.students.cnn.configuration import CNNConfiguration
from autocompress.students.configuration import Configuration
from autocompress.tasks.encoding import EncodedSplit
from autocompress.tasks.kinds.classification import CLASSIFICATION

START, SEPARATOR, FIRST_WORD, WORDS = 2, 3, 5, 55
LENGTH = 4
COMPARES = 0.92


def pairs(count: int, seed: int) -> EncodedSplit:
    """Pairs of four random words each; the label is 1 where the second text has the same words as the first."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=count)
    rows = []
    for label in labels:
        first = rng.permutation(WORDS)[:LENGTH] + FIRST_WORD
        second = rng.permutation(first) if label else rng.permutation(WORDS)[:LENGTH] + FIRST_WORD
        rows.append([START, *first, SEPARATOR, *second, SEPARATOR])
    width = len(rows[0])
    types = np.tile(np.array([0] * (LENGTH + 2) + [1] * (LENGTH + 1), np.int8), count)
    offsets = np.arange(count + 1, dtype=np.int64) * width
    return EncodedSplit(np.concatenate(rows).astype(np.int32), types, offsets, labels.astype(np.int64))


def accuracy_after_training(configuration: Configuration) -> float:
    """Accuracy on other pairs, after distillation from a teacher that is always right."""
    train, other = pairs(1500, 0), pairs(400, 1)
    shape, arrays = import_encoder(random_model(CONFIGS["bert"]()))
    kind = STUDENTS[configuration.student]
    network = kind.network(shape, kind.initial(arrays, shape, [configuration], 0)[1])
    targets = np.where(np.eye(3)[train.labels] > 0, 4.0, -4.0).astype(np.float32)
    texts = StudentTexts(TransferSet(train, targets, len(train), 0, 1), Vocabulary(np.arange(60, dtype=np.int32), 1))
    training = TrainingSettings(6e-3, 60.0, 10.0, batch_size=64)
    settings = DistillationSettings(training, CLASSIFICATION, mask_share=0.0, sub_networks=1)
    train_super_network(network, texts, lambda rng: configuration, settings)
    batch = other.batch(np.arange(len(other)), 0)
    with torch.inference_mode():
        inputs = (torch.from_numpy(getattr(batch, n)) for n in ("input_ids", "attention_mask", "token_type_ids"))
        logits = network.logits(*inputs, configuration=configuration)
    return float((logits.argmax(-1).numpy() == other.labels).mean())


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_student_that_aligns_learns_to_compare(encoder: str) -> None:
    assert accuracy_after_training(AlignmentConfiguration(24, 16, 1, encoder, 60)) > COMPARES


def test_a_student_that_reads_one_text_does_not() -> None:
    assert accuracy_after_training(CNNConfiguration(24, 16, 1, 3, 60)) < COMPARES
