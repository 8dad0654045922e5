import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import r2_score

from autocompress.tasks.metrics import unexplained


@given(st.integers(0, 1000), st.floats(0.01, 1.0))
def test_the_unexplained_share_is_one_less_the_coefficient_of_determination(seed, noise):
    rng = np.random.default_rng(seed)
    exact = rng.normal(size=(50, 1)).astype(np.float32)
    outputs = exact + np.float32(noise) * rng.normal(size=(50, 1)).astype(np.float32)
    assert unexplained(outputs, exact) == pytest.approx(1 - r2_score(exact, outputs), rel=1e-3)


def test_constant_outputs_are_explained_by_themselves_alone():
    constant = np.ones((4, 2), np.float32)
    assert unexplained(constant, constant) == 0.0
    assert unexplained(constant + 1, constant) == 1.0
