import numpy as np
import pytest
import torch

from autocompress.compression.vocabulary import Vocabulary
from autocompress.distillation.batches import run_heads
from autocompress.distillation.hidden_states import HiddenGuide, HiddenStates, principal_components
from autocompress.distillation.student_texts import StudentTexts
from autocompress.distillation.super_network import (
    DistillationSettings,
    distillation_loss,
    hidden_guide,
    train_super_network,
)
from autocompress.distillation.training import TrainingSettings
from autocompress.distillation.transfer import TransferSet
from autocompress.networks.checkpoint import open_checkpoint
from autocompress.networks.families.import_encoder import import_encoder
from autocompress.networks.loading import load_in_class_order
from autocompress.students import STUDENTS
from autocompress.students.bilstm.configuration import BiLSTMConfiguration
from autocompress.students.cnn.configuration import CNNConfiguration
from autocompress.students.pooled.word_vectors import StudentSizes
from autocompress.students.transformer.configuration import TransformerConfiguration
from autocompress.students.transformer.exit_heads import add_exit_heads
from autocompress.tasks.encoding import EncodedSplit
from autocompress.tasks.kinds.classification import CLASSIFICATION

SETTINGS = DistillationSettings(TrainingSettings(5e-3, 20.0, 12.0), CLASSIFICATION)


@pytest.fixture(scope="module")
def tiny_teacher(tiny_checkpoint):
    """Shape and weights, heads after every layer."""
    model, _ = load_in_class_order(open_checkpoint(tiny_checkpoint), 2, ("a", "b"))
    shape, arrays = import_encoder(model)
    return add_exit_heads(arrays, shape)


def test_components_are_singular_vectors_of_unit_variance():
    rng = np.random.default_rng(0)
    states = (rng.normal(size=(500, 20)) @ rng.normal(size=(20, 20)) + 3).astype(np.float32)
    components = principal_components(states, 5)
    left, singular, _ = np.linalg.svd(states - states.mean(axis=0), full_matrices=False)
    expected = left[:, :5] * np.sqrt(499)
    found = components.project(states).astype(np.float32)
    signs = np.sign((found * expected).sum(axis=0))
    assert found == pytest.approx(signs * expected, abs=0.02)
    assert components.shares == pytest.approx(singular[:5] / singular[:5].sum(), rel=1e-3)


def test_directions_without_variance_are_left_out():
    rng = np.random.default_rng(0)
    states = (rng.normal(size=(100, 3)) @ rng.normal(size=(3, 12))).astype(np.float32)
    components = principal_components(states, 8)
    assert components.basis.shape == (12, 3) and components.shares.sum() == pytest.approx(1)
    assert np.isfinite(components.project(states)).all()


def test_the_loss_weighs_the_components():
    guide = HiddenGuide(2, torch.tensor([0.75, 0.25]))
    with torch.no_grad():
        guide.map.weight.copy_(torch.eye(2))
        guide.map.bias.zero_()
    loss = guide.loss(torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.tensor([[0.0, 0.0], [0.0, 4.0]], dtype=torch.half))
    assert float(loss.detach()) == pytest.approx((0.75 * 1 + 0.25 * 4 + 0.25 * 16) / 2)


def transfer_of(tiny_arrays, hidden: bool = True) -> TransferSet:
    """Texts whose logits say nothing and whose hidden state is which of two words stands in them."""
    rng = np.random.default_rng(0)
    tokens = rng.integers(7, len(tiny_arrays["embeddings.word"]), size=(400, 6)).astype(np.int32)
    kind = rng.integers(2, size=400)
    tokens[np.arange(400), rng.integers(6, size=400)] = np.where(kind, 5, 6)
    split = EncodedSplit(
        tokens.ravel(), np.zeros(2400, np.int8), np.arange(0, 2401, 6).astype(np.int64), np.zeros(400, np.int64)
    )
    states = HiddenStates((2 * kind[:, None] - 1).astype(np.float16), np.ones(1, np.float32))
    return TransferSet(split, np.zeros((400, 2), np.float32), 0, 0, 1, states if hidden else None)


@pytest.mark.parametrize("student", ["bilstm", "cnn"])
def test_a_student_learns_what_only_the_hidden_states_tell(student, tiny_teacher):
    shape, arrays = tiny_teacher
    configuration = {
        "bilstm": BiLSTMConfiguration(16, 16, 1, shape.vocab_size),
        "cnn": CNNConfiguration(16, 16, 1, 3, shape.vocab_size),
    }[student]
    found = {}
    for hidden in (False, True):
        transfer = transfer_of(arrays, hidden)
        started = STUDENTS[student].initial(arrays, shape, [StudentSizes.covering([configuration])], 0)[1]
        network = STUDENTS[student].network(shape, started)
        order = np.arange(shape.vocab_size, dtype=np.int32)
        train_super_network(network, StudentTexts(transfer, Vocabulary(order, 1)), lambda _: configuration, SETTINGS)
        with torch.inference_mode():
            features = run_heads(network, transfer.batch(np.arange(400)), configuration)[1]
        assert features is not None
        kind = transfer_of(arrays).hidden.values[:, 0].astype(np.float32)
        columns = np.concatenate([features.numpy(), np.ones((400, 1), np.float32)], axis=1)
        fitted = columns @ np.linalg.lstsq(columns, kind, rcond=None)[0]
        found[hidden] = float(np.square(fitted - kind).mean())
    assert found[True] < 0.5 * found[False]


def test_the_loss_of_the_hidden_states_is_added_with_its_weight(tiny_teacher):
    shape, arrays = tiny_teacher
    configuration = CNNConfiguration(16, 16, 1, 3, shape.vocab_size)
    transfer = transfer_of(arrays)
    network = STUDENTS["cnn"].network(
        shape, STUDENTS["cnn"].initial(arrays, shape, [StudentSizes.covering([configuration])], 0)[1]
    )
    guide, batch = hidden_guide(network, transfer, SETTINGS), transfer.batch(np.arange(20))
    assert guide is not None
    with torch.inference_mode():
        features = run_heads(network, batch, configuration)[1]
        plain = distillation_loss(network, batch, configuration, SETTINGS)
        guided = distillation_loss(network, batch, configuration, SETTINGS, guide=guide)
        expected = plain + SETTINGS.hidden_weight * guide.loss(features, batch.hidden)
    assert float(guided) == pytest.approx(float(expected), rel=0.02)


def test_there_is_no_guide_without_hidden_states_or_for_sub_networks(tiny_teacher):
    shape, arrays = tiny_teacher
    encoder = STUDENTS["transformer"].network(shape, arrays)
    assert hidden_guide(encoder, transfer_of(arrays), SETTINGS) is None
    assert (
        run_heads(encoder, transfer_of(arrays).batch(np.arange(2)), TransformerConfiguration.uniform(shape))[1] is None
    )
    sizes = StudentSizes(16, 16, 1, 3)
    network = STUDENTS["cnn"].network(shape, STUDENTS["cnn"].initial(arrays, shape, [sizes], 0)[1])
    assert hidden_guide(network, transfer_of(arrays, hidden=False), SETTINGS) is None
