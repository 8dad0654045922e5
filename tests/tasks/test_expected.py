"""The expected accuracy against simulated teachers and students whose true accuracies are known."""

import numpy as np
import pytest
from scipy.special import softmax

from autocompress.tasks.expected import combined, expected_accuracy, temperature
from autocompress.tasks.kinds.regression import REGRESSION
from autocompress.tasks.metrics import metric_of
from autocompress.tasks.task import Task

TASK = Task("classification", ("text",), "label", ("a", "b", "c"))


def simulated(seed, texts=1000, sharpness=1.0, noise=0.5):
    """True logits, labels drawn from them, a teacher near the truth and a student near the teacher."""
    rng = np.random.default_rng(seed)
    truth = 2.5 * rng.normal(size=(texts, 3))
    labels = (softmax(truth, axis=1).cumsum(axis=1) > rng.random((texts, 1))).argmax(axis=1)
    teacher = truth + 0.3 * rng.normal(size=truth.shape)
    student = teacher + noise * rng.normal(size=truth.shape)
    return truth, labels, (sharpness * teacher).astype(np.float32), student.astype(np.float32)


def expected_difference(truth, outputs, teacher):
    chances, rows = softmax(truth, axis=1), np.arange(len(truth))
    return (chances[rows, outputs.argmax(1)] - chances[rows, teacher.argmax(1)]).mean()


@pytest.mark.parametrize("sharpness", [1.0, 2.0])
def test_it_is_nearer_to_the_truth_than_what_the_labels_say(sharpness):
    errors = []
    for seed in range(40):
        truth, labels, teacher, student = simulated(seed, sharpness=sharpness)
        wanted = expected_difference(truth, student, teacher)
        base = metric_of(TASK, teacher, labels)
        found = expected_accuracy(student, teacher, labels) - base, metric_of(TASK, student, labels) - base
        errors.append([value - wanted for value in found])
    ours, measured = np.sqrt(np.square(errors).mean(axis=0))
    assert ours < 0.6 * measured


def test_the_best_of_many_equal_students_is_not_flattered():
    claims = []
    for seed in range(10):
        truth, labels, teacher, _ = simulated(seed)
        rng = np.random.default_rng(1000 + seed)
        students = [(teacher + 0.8 * rng.normal(size=teacher.shape)).astype(np.float32) for _ in range(30)]
        true = np.mean([expected_difference(truth, student, teacher) for student in students])
        base = metric_of(TASK, teacher, labels)
        best = [
            max(rule(s) for s in students) - base - true
            for rule in (
                lambda s, t=teacher, y=labels: expected_accuracy(s, t, y),
                lambda s, y=labels: metric_of(TASK, s, y),
            )
        ]
        claims.append(best)
    ours, measured = np.mean(claims, axis=0)
    assert 0 < ours < 0.6 * measured


def test_the_teacher_itself_has_its_measured_accuracy():
    _, labels, teacher, _ = simulated(3)
    assert expected_accuracy(teacher, teacher, labels) == metric_of(TASK, teacher, labels)


def test_a_temperature_is_found_again():
    truth, labels, _, _ = simulated(0, texts=20_000)
    for sharpness in (0.7, 1.0, 3.0):
        assert temperature((sharpness * truth).astype(np.float32), labels) == pytest.approx(sharpness, rel=0.05)


def test_two_differences_are_weighed_by_their_variances():
    measured, opinion = np.array([1.0, -1.0, 0.0, 0.0]), np.array([-0.1, -0.1, -0.1, -0.1])
    weights = [1 / (0.5 / 4), 1 / 0.025**2]
    assert combined(measured, opinion) == pytest.approx(np.average([0.0, -0.1], weights=weights))
    assert combined(np.zeros(5), np.zeros(5)) == 0.0


def test_a_regression_has_none():
    assert REGRESSION.expected_quality(np.zeros((3, 1)), np.zeros((3, 1)), np.arange(3.0)) is None
