import doctest

import numpy as np
import pytest

from autocompress.compression import projection
from autocompress.compression.projection import centred_directions, linear_map


def test_examples() -> None:
    assert doctest.testmod(projection).failed == 0


@pytest.mark.parametrize("size", [2, 5, 12])
def test_directions_span_the_principal_components_and_have_no_mean(size: int) -> None:
    rng = np.random.default_rng(0)
    states = rng.normal(size=(400, 12)) @ rng.normal(size=(12, 12))
    covariance = np.cov(states.T, bias=True)
    found = centred_directions(covariance, size)
    assert found.shape == (12, size) and np.allclose(found.sum(1), 0, atol=1e-6)
    _, _, components = np.linalg.svd(states - states.mean(0), full_matrices=False)
    leading = components[: size - 1]
    np.testing.assert_allclose(found @ found.T, leading.T @ leading, atol=1e-5)
    np.testing.assert_array_equal(found, centred_directions(covariance, size))


def test_a_linear_map_is_that_of_least_squares(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    inputs = np.concatenate([rng.normal(1, 1, size=(500, 6)), np.ones((500, 1))], axis=1)
    outputs = inputs @ rng.normal(size=(7, 3)) + 0.1 * rng.normal(size=(500, 3))
    monkeypatch.setattr(projection, "RIDGE", 1e-6)
    weight, bias = linear_map(inputs.T @ inputs, inputs.T @ outputs)
    expected = np.linalg.lstsq(inputs, outputs, rcond=None)[0]
    np.testing.assert_allclose(weight, expected[:-1].T, atol=1e-4)
    np.testing.assert_allclose(bias, expected[-1], atol=1e-4)


def test_inputs_that_never_vary_are_no_trouble() -> None:
    inputs = np.concatenate([np.zeros((20, 2)), np.ones((20, 1))], axis=1)
    weight, bias = linear_map(inputs.T @ inputs + np.diag([1e-9, 1e-9, 0]), inputs.T @ np.full((20, 1), 3.0))
    assert np.isfinite(weight).all() and bias == pytest.approx([3.0])
