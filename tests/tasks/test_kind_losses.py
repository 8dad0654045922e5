"""The losses of the built-in kinds of task, and how a fresh head is started."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax

from autocompress.tasks.kinds.classification import CLASSIFICATION
from autocompress.tasks.kinds.regression import REGRESSION


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_soft_targets_against_scipy(temperature: float):
    rng = np.random.default_rng(0)
    student, teacher = rng.normal(size=(2, 5, 3))
    target = softmax(teacher / temperature, axis=1)
    divergence = target * (np.log(target) - log_softmax(student / temperature, axis=1))
    loss = CLASSIFICATION.distillation_loss(torch.tensor(student), torch.tensor(teacher), temperature)
    assert loss.item() == pytest.approx(divergence.sum(1).mean() * temperature**2, rel=1e-5)


def test_soft_targets_vanish_where_both_agree():
    logits = torch.randn(4, 3)
    assert CLASSIFICATION.distillation_loss(logits, logits + 7.0).item() == pytest.approx(0.0, abs=1e-6)


def test_a_regression_squares_differences():
    student, teacher = torch.tensor([[1.0], [3.0]]), torch.tensor([[2.0], [5.0]])
    assert REGRESSION.distillation_loss(student, teacher) == REGRESSION.distillation_loss(student, teacher, 3.0) == 2.5
    assert REGRESSION.label_loss(student, torch.tensor([1.0, 1.0])) == 2.0


def test_labels_by_hand():
    logits = torch.log(torch.tensor([[0.25, 0.75], [0.5, 0.5]]))
    expected = -(np.log(0.75) + np.log(0.5)) / 2
    assert CLASSIFICATION.label_loss(logits, torch.tensor([1, 0])).item() == pytest.approx(expected)


def test_a_fresh_regression_head_starts_at_the_mean_and_one_of_classes_as_it_is():
    head = torch.nn.Linear(4, 1)
    weight = head.weight.clone()
    REGRESSION.start_head(head, np.array([1.0, 2.0, 6.0], np.float32))
    assert head.bias.item() == 3.0 and torch.equal(head.weight, weight)
    classes = torch.nn.Linear(4, 3)
    bias = classes.bias.clone()
    CLASSIFICATION.start_head(classes, np.array([0, 1, 1]))
    assert torch.equal(classes.bias, bias)


def test_losses_of_a_regression_are_measured_by_the_variance_of_the_targets():
    targets = np.array([[0.0], [50.0], [100.0]], np.float32)
    assert REGRESSION.loss_unit(targets) == pytest.approx(np.var([0, 50, 100]))
    assert REGRESSION.loss_unit(np.ones((3, 1), np.float32)) == 1.0, "constant targets have no variance"
    assert CLASSIFICATION.loss_unit(np.array([[0.0, 9.0], [5.0, 1.0]], np.float32)) == 1.0
