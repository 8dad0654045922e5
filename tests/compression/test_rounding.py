import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autocompress.compression.quantization import dequantize, largest_code, quantize, weight_scales
from autocompress.compression.rounding import BLOCK, DAMPING, inverse_factor, round_compensated


def problem(seed, tokens=300, inputs=12, outputs=5):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(tokens, inputs)) @ rng.normal(size=(inputs, inputs)) + rng.normal(size=inputs)
    weight, bias = rng.normal(size=(outputs, inputs)).astype(np.float32), rng.normal(size=outputs).astype(np.float32)
    whole = np.concatenate([x, np.ones((tokens, 1))], axis=1)
    return x, weight, bias, whole.T @ whole / tokens


def damped(gram):
    raised = gram.copy()
    raised[np.diag_indices(len(gram) - 1)] += DAMPING * np.diag(gram)[:-1].mean()
    return raised


def step_by_step(weight, bias, gram, bits):
    """Round a column, solve the least-squares problem of all that is still free, go on with the next."""
    scales, top = weight_scales(weight, bits).astype(np.float64), largest_code(bits)
    wanted = np.concatenate([weight, bias[:, None]], axis=1).astype(np.float64)
    now, gram = wanted.copy(), damped(gram)
    for column in range(weight.shape[1]):
        now[:, column] = np.clip(np.rint(now[:, column] / scales), -top, top) * scales
        fixed, free = slice(0, column + 1), slice(column + 1, None)
        pull = (wanted[:, fixed] - now[:, fixed]) @ gram[fixed, free]
        now[:, free] = wanted[:, free] + np.linalg.solve(gram[free, free], pull.T).T
    return now[:, :-1], now[:, -1]


@given(st.integers(0, 1000), st.sampled_from([4, 2]))
def test_it_is_the_stepwise_least_squares_solution(seed, bits):
    _, weight, bias, gram = problem(seed)
    rounded, moved = round_compensated(weight, bias, gram, bits)
    expected, expected_bias = step_by_step(weight, bias, gram, bits)
    scales = weight_scales(weight, bits)
    read = np.abs(np.rint(expected / scales[:, None])).max(axis=1) == largest_code(bits)
    # float32 may round a value near the middle the other way; then that row goes another way
    same = np.isclose(rounded, expected, rtol=1e-3, atol=1e-3).all(axis=1)
    assert (same | ~read).sum() >= len(weight) - 1
    assert moved[same] == pytest.approx(expected_bias[same], rel=1e-2, abs=1e-2)


@given(st.integers(0, 1000), st.sampled_from([4, 2]))
def test_what_is_rounded_is_read_back_the_same(seed, bits):
    _, weight, bias, gram = problem(seed)
    rounded, _ = round_compensated(weight, bias, gram, bits)
    assert dequantize(*quantize(rounded, bits)) == pytest.approx(rounded, rel=1e-5)


@pytest.mark.parametrize("bits", [4, 2])
def test_the_output_is_nearer_than_by_rounding_to_nearest(bits):
    lost, nearest = 0.0, 0.0
    for seed in range(20):
        x, weight, bias, gram = problem(seed, inputs=BLOCK + 40, tokens=2000)
        rounded, moved = round_compensated(weight, bias, gram, bits)
        target = x @ weight.T + bias
        lost += np.square(x @ rounded.T + moved - target).sum()
        nearest += np.square(x @ dequantize(*quantize(weight, bits)).T + bias - target).sum()
    assert lost < 0.7 * nearest


def test_a_row_on_the_grid_stays():
    _, weight, bias, gram = problem(0)
    grid = dequantize(*quantize(weight, 4))
    rounded, moved = round_compensated(grid, bias, gram, 4)
    assert rounded == pytest.approx(grid, rel=1e-5) and moved == pytest.approx(bias, abs=1e-4)


@given(st.integers(0, 1000))
def test_the_factor_is_that_of_the_inverse(seed):
    gram = problem(seed)[3]
    factor = inverse_factor(gram)
    assert np.allclose(factor, np.triu(factor))
    assert factor.T @ factor == pytest.approx(np.linalg.inv(damped(gram)), rel=1e-6, abs=1e-8)
