"""The factors lose least of what the inputs let through: no others of their rank lose less."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autocompress.compression.low_rank import DAMPING, low_rank_factors


def problem(seed, outputs=7, inputs=11, tokens=400):
    """A weight, and inputs [tokens, inputs] that lie mostly in few directions."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(inputs, inputs)) * 10.0 ** -np.linspace(0, 2, inputs)
    return rng.normal(size=(outputs, inputs)).astype(np.float32), rng.normal(size=(tokens, inputs)) @ mixed.T


def moments_of(inputs):
    return inputs.T @ inputs / len(inputs)


def damped(moments):
    return moments + DAMPING * np.trace(moments) / len(moments) * np.eye(len(moments))


def lost(weight, product, moments):
    """The mean of |Wx - BAx|^2 over inputs with these moments."""
    error = np.asarray(weight, np.float64) - product
    return float(np.trace(error @ moments @ error.T))


def by_symmetric_root(weight, rank, moments):
    """The reference: the SVD of the weight times the symmetric root of the moments, and that root taken back."""
    values, vectors = np.linalg.eigh(moments)
    root, back = vectors * np.sqrt(values) @ vectors.T, vectors / np.sqrt(values) @ vectors.T
    left, sizes, right = np.linalg.svd(weight.astype(np.float64) @ root, full_matrices=False)
    return left[:, :rank] * sizes[:rank] @ right[:rank] @ back


sizes = st.sampled_from([(7, 11), (11, 7), (6, 6), (12, 3)])


@given(st.integers(0, 1000), sizes, st.floats(0.01, 1.0))
def test_without_moments_it_is_the_truncated_svd(seed, size, share):
    weight, _ = problem(seed, *size)
    rank = max(1, round(share * min(size)))
    left, values, right = np.linalg.svd(weight.astype(np.float64), full_matrices=False)
    b, a = low_rank_factors(weight, rank)
    assert b.shape == (size[0], rank) and a.shape == (rank, size[1]) and b.dtype == a.dtype == np.float32
    assert b @ a == pytest.approx(left[:, :rank] * values[:rank] @ right[:rank], abs=1e-5)
    assert np.linalg.norm(b, axis=0) == pytest.approx(np.sqrt(values[:rank]), rel=1e-4)
    assert np.linalg.norm(a, axis=1) == pytest.approx(np.sqrt(values[:rank]), rel=1e-4)


@given(st.integers(0, 1000), sizes, st.floats(0.01, 1.0))
def test_with_moments_it_is_the_weighted_svd(seed, size, share):
    weight, inputs = problem(seed, *size)
    rank, moments = max(1, round(share * min(size))), moments_of(inputs)
    b, a = low_rank_factors(weight, rank, moments)
    assert b @ a == pytest.approx(by_symmetric_root(weight, rank, damped(moments)), abs=2e-4)
    assert np.linalg.norm(b, axis=0) == pytest.approx(np.linalg.norm(a, axis=1), rel=1e-4)


@given(st.integers(0, 1000), sizes)
def test_no_other_factors_of_the_rank_lose_less(seed, size):
    weight, inputs = problem(seed, *size)
    moments, rng = damped(moments_of(inputs)), np.random.default_rng(seed + 1)
    b, a = low_rank_factors(weight, 2, moments_of(inputs))
    least = lost(weight, b @ a, moments)
    plain = np.matmul(*low_rank_factors(weight, 2))
    others = [plain]
    for scale in (1e-3, 1e-2, 1e-1):
        others += [(b + scale * rng.normal(size=b.shape)) @ (a + scale * rng.normal(size=a.shape)) for _ in range(5)]
    for _ in range(5):
        # a random left factor with the best right one for it, and the reverse
        basis = np.linalg.qr(rng.normal(size=b.shape))[0]
        others.append(basis @ basis.T @ weight)
        rows = rng.normal(size=a.shape)
        others.append(weight @ moments @ rows.T @ np.linalg.inv(rows @ moments @ rows.T) @ rows)
    assert all(least <= lost(weight, other, moments) * (1 + 1e-5) for other in others)


@given(st.integers(0, 1000), sizes, st.booleans())
def test_the_loss_falls_with_the_rank_and_ends_at_nothing(seed, size, weighted):
    weight, inputs = problem(seed, *size)
    moments = moments_of(inputs) if weighted else None
    judged = np.eye(size[1]) if moments is None else damped(moments)
    products = [np.matmul(*low_rank_factors(weight, rank, moments)) for rank in range(1, min(size) + 1)]
    losses = [lost(weight, product, judged) for product in products]
    assert all(after <= before * (1 + 1e-5) for before, after in pairwise(losses))
    assert products[-1] == pytest.approx(weight, abs=1e-4)


@given(st.integers(0, 1000), sizes, st.booleans())
def test_what_has_the_rank_already_loses_nothing(seed, size, weighted):
    weight, inputs = problem(seed, *size)
    thin = np.matmul(*low_rank_factors(weight, 2, moments_of(inputs)))
    again = np.matmul(*low_rank_factors(thin, 2, moments_of(inputs) if weighted else None))
    assert again == pytest.approx(thin, abs=1e-5)


def test_inputs_that_calibration_text_has_keep_more_than_by_the_weight_alone():
    weight, inputs = problem(0, 40, 60, 4000)
    moments = moments_of(inputs[:2000])
    aware, plain = (np.matmul(*low_rank_factors(weight, 8, one)) for one in (moments, None))
    unseen = moments_of(inputs[2000:])
    assert lost(weight, aware, unseen) < 0.3 * lost(weight, plain, unseen)


def test_a_weight_of_zeros_and_inputs_of_zeros_are_finite():
    for weight, moments in ((np.zeros((4, 3)), np.eye(3)), (np.zeros((3, 4)), None)):
        assert np.array_equal(np.matmul(*low_rank_factors(weight, 2, moments)), weight)
