"""How a super-network's training begins."""

from __future__ import annotations

import numpy as np

from autocompress.preparation.student_training import with_started_heads
from autocompress.tasks.kinds.classification import CLASSIFICATION
from autocompress.tasks.kinds.regression import REGRESSION

LABELS = np.array([1.0, 2.0, 6.0], np.float32)


def heads() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    arrays = {"embeddings.word": generator.normal(size=(5, 4)).astype(np.float32)}
    for name in ("heads.0", "heads.1"):
        arrays[f"{name}.out.weight"] = generator.normal(size=(1, 4)).astype(np.float32)
        arrays[f"{name}.out.bias"] = np.zeros(1, np.float32)
    return arrays


def test_untrained_outputs_of_a_regression_start_at_the_mean_label() -> None:
    arrays = heads()
    started = with_started_heads(arrays, {"heads.0.out.bias"}, REGRESSION, LABELS)
    assert started["heads.1.out.bias"].tolist() == [3.0] and started["heads.0.out.bias"].tolist() == [0.0]
    for name in ("embeddings.word", "heads.0.out.weight", "heads.1.out.weight"):
        np.testing.assert_array_equal(started[name], arrays[name])
    assert arrays["heads.1.out.bias"].tolist() == [0.0], "the arguments are not changed"


def test_untrained_outputs_of_classes_stay_as_they_are() -> None:
    arrays = heads()
    started = with_started_heads(arrays, set(), CLASSIFICATION, np.array([0, 1, 1]))
    assert all(np.array_equal(started[name], array) for name, array in arrays.items())
