"""Heads learnt from pooled hidden states answer as the network does when it reads them, and as the teacher."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from autocompress.distillation.layer_heads import head_outputs, train_layer_heads
from autocompress.distillation.training import TrainingSettings
from autocompress.networks.checkpoint import open_checkpoint
from autocompress.networks.families.import_encoder import import_encoder
from autocompress.networks.loading import load_in_class_order
from autocompress.students.elastic import masked_mean
from autocompress.students.transformer.network import ElasticEncoder
from autocompress.tasks.kinds.classification import CLASSIFICATION
from autocompress.tasks.kinds.regression import REGRESSION

SETTINGS = TrainingSettings(1e-2, 20.0, 60.0, batch_size=64)


def known_task(texts=400, layers=2, width=20, classes=3):
    """Means whose scales differ by far, and logits that are linear in those of the upper layer alone."""
    rng = np.random.default_rng(0)
    means = rng.normal(size=(texts, layers, width)) * 10.0 ** rng.integers(-2, 2, (layers, width)) + 5
    standard = (means - means.mean(0)) / means.std(0)
    targets = 2 * standard[:, -1] @ rng.normal(size=(width, classes)) / width**0.5
    return means.astype(np.float16), targets.astype(np.float32)


@pytest.mark.parametrize("classes", [1, 3])
def test_the_layer_that_knows_the_answer_gives_it(classes):
    means, targets = known_task(classes=classes)
    loss = (REGRESSION if classes == 1 else CLASSIFICATION).distillation_loss
    found = head_outputs(train_layer_heads(means, targets, loss, SETTINGS), means)
    assert found.shape == (2, 400, classes)
    if classes == 1:
        lost = np.square(found - targets).mean((1, 2)) / targets.var()
        assert lost[1] < 0.1 < lost[0]
    else:
        agrees = (found.argmax(2) == targets.argmax(1)).mean(1)
        assert agrees[1] > 0.93 and agrees[0] < 0.8


def test_an_encoder_of_one_layer_has_no_lower_heads():
    assert train_layer_heads(np.zeros((4, 0, 8), np.float16), np.zeros((4, 2), np.float32), F.mse_loss) == {}


def test_the_elastic_encoder_reads_the_heads_in_the_same_way(tiny_checkpoint):
    model, _ = load_in_class_order(open_checkpoint(tiny_checkpoint), 2, ("a", "b"))
    shape, arrays = import_encoder(model)
    encoder = ElasticEncoder(shape, arrays).eval()
    ids = torch.from_numpy(np.random.default_rng(0).integers(5, shape.vocab_size, (50, 7)))
    mask = torch.ones_like(ids)
    with torch.inference_mode():
        plain = encoder(ids, mask)
        pooled = [masked_mean(hidden, mask.bool()) for hidden in plain.hidden[:-1]]
    means = torch.stack(pooled, 1).numpy().astype(np.float16)
    training = TrainingSettings(1e-2, 5.0, 3.0)
    heads = train_layer_heads(means, plain.last.numpy(), CLASSIFICATION.distillation_loss, training)
    with torch.inference_mode():
        logits = ElasticEncoder(shape, arrays | heads).eval()(ids, mask).logits
    assert sorted(logits) == list(range(shape.num_hidden_layers))
    assert torch.equal(logits[shape.num_hidden_layers - 1], plain.last)
    expected = head_outputs(heads, means)
    for index, outputs in enumerate(expected):
        assert logits[index].numpy() == pytest.approx(outputs, abs=0.02)
