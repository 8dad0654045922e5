import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from autocompress.system.errors import MeasurementError
from autocompress.tasks.metrics import macro_f1, metric_of, pearson, per_example_correct, score, spearman
from autocompress.tasks.task import Task

CLASSES = Task("classification", ("text",), "label", ("a", "b", "c"))
NUMBERS = Task("regression", ("text",), "score", ())


@given(st.integers(1, 60), st.integers(0, 1000))
def test_classification_agrees_with_scikit_learn(rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    outputs, labels = rng.normal(size=(rows, 3)).astype(np.float32), rng.integers(0, 3, rows)
    predicted = outputs.argmax(1)
    value, secondary = score(CLASSES, outputs, labels)
    assert value == pytest.approx(accuracy_score(labels, predicted))
    assert secondary["macro_f1"] == pytest.approx(f1_score(labels, predicted, average="macro"))
    assert metric_of(CLASSES, outputs, labels) == value == per_example_correct(outputs, labels).mean()


@given(st.integers(3, 60), st.integers(0, 1000), st.sampled_from([1, 10]))
def test_regression_agrees_with_scipy(rows: int, seed: int, distinct: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.concatenate([[0, 1], rng.integers(0, 5, rows - 2)]).astype(np.float32)
    outputs = (np.round(rng.normal(size=(rows, 1)) * distinct) + np.arange(rows)[:, None]).astype(np.float32)
    assume(np.ptp(outputs) > 0)
    value, secondary = score(NUMBERS, outputs, labels)
    assert value == pytest.approx(scipy.stats.pearsonr(outputs[:, 0], labels).statistic, abs=1e-5)
    assert secondary["spearman"] == pytest.approx(scipy.stats.spearmanr(outputs[:, 0], labels).statistic, abs=1e-9)
    assert metric_of(NUMBERS, outputs, labels) == value


def test_macro_f1_by_hand() -> None:
    # class 0: 2 hits, 1 false alarm -> 4/5; class 1: 1 hit, 1 miss -> 2/3; class 2 neither predicted nor present
    assert macro_f1(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])) == pytest.approx((4 / 5 + 2 / 3) / 2)


@pytest.mark.parametrize("constant", [0.0, 0.1, 3e7])
def test_constant_predictions_correlate_with_nothing(constant: float) -> None:
    outputs, labels = np.full((7, 1), constant, dtype=np.float32), np.arange(7, dtype=np.float32)
    assert score(NUMBERS, outputs, labels) == (0.0, {"spearman": 0.0})


def test_correlations_by_hand() -> None:
    assert pearson(np.array([1, 2, 3]), np.array([2, 4, 6])) == pytest.approx(1.0)
    assert pearson(np.array([1, 2, 3]), np.array([3, 2, 1])) == pytest.approx(-1.0)
    assert spearman(np.array([1, 10, 100]), np.array([1, 2, 3])) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("task", "outputs", "labels"),
    [
        (CLASSES, np.array([[0.0, np.nan, 1.0]]), np.array([0])),
        (CLASSES, np.array([[0.0, np.inf, 1.0]]), np.array([0])),
        (NUMBERS, np.array([[np.nan], [1.0]]), np.array([0.0, 1.0])),
        (CLASSES, np.zeros((1, 2)), np.array([0])),
        (NUMBERS, np.zeros((2, 1)), np.array([0.0])),
        (NUMBERS, np.zeros(2), np.array([0.0, 1.0])),
        (CLASSES, np.zeros((0, 3)), np.array([], dtype=np.int64)),
    ],
)
def test_outputs_that_cannot_be_judged_are_refused(task, outputs, labels) -> None:
    with pytest.raises(MeasurementError, match="outputs must be"):
        score(task, outputs, labels)
