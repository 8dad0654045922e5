import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autocompress.compression import reconstruction
from autocompress.compression.reconstruction import reconstruct


def problem(seed, tokens=200, inputs=12, outputs=5):
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(inputs, inputs))
    x = rng.normal(size=(tokens, inputs)) @ mixing + rng.normal(size=inputs)
    weight, bias = rng.normal(size=(outputs, inputs)), rng.normal(size=outputs)
    whole = np.concatenate([x, np.ones((tokens, 1))], axis=1)
    return x, weight, bias, whole.T @ whole


@given(st.integers(0, 1000), st.integers(1, 12))
def test_it_is_the_least_squares_solution(seed, kept):
    x, weight, bias, gram = problem(seed)
    target = x @ weight.T + bias
    columns = np.concatenate([x[:, :kept], np.ones((len(x), 1))], axis=1)
    expected = np.linalg.lstsq(columns, target, rcond=None)[0].T
    before = reconstruction.RIDGE
    try:
        reconstruction.RIDGE = 1e-12
        solved, moved = reconstruct(weight, bias, gram, kept)
    finally:
        reconstruction.RIDGE = before
    assert np.column_stack([solved, moved]) == pytest.approx(expected, rel=1e-3, abs=1e-3)


@given(st.integers(0, 1000), st.integers(1, 11))
def test_the_output_is_nearer_than_that_of_a_cut(seed, kept):
    x, weight, bias, gram = problem(seed)
    target = x @ weight.T + bias
    solved, moved = reconstruct(weight, bias, gram, kept)
    cut = np.square(x[:, :kept] @ weight[:, :kept].T + bias - target).sum()
    assert np.square(x[:, :kept] @ solved.T + moved - target).sum() <= cut * (1 + 1e-5) + 1e-6


def test_nothing_changes_where_nothing_is_removed():
    _, weight, bias, gram = problem(0)
    solved, moved = reconstruct(weight, bias, gram, 12)
    assert solved == pytest.approx(weight, abs=1e-4) and moved == pytest.approx(bias, abs=1e-4)
