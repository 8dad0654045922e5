"""The surrogate: its arithmetic against plain references, and that it finds a known front sooner than chance."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autocompress.domain.shape import EncoderShape
from autocompress.students.bilstm.configuration import BiLSTMConfiguration
from autocompress.students.cnn.configuration import CNNConfiguration
from autocompress.students.configuration import configuration_digest
from autocompress.students.costs import latency_prior, latency_terms, size_prior, size_terms
from autocompress.students.features import quality_features
from autocompress.students.transformer.configuration import ExitConfiguration, TransformerConfiguration
from autocompress.students.transformer.exits import reach
from autocompress.trials.acquisition import box_points, improvements
from autocompress.trials.cost_model import fit_weights
from autocompress.trials.history import Point
from autocompress.trials.pareto import hypervolume
from autocompress.trials.quality_model import QualityModel, from_log_loss, log_loss
from autocompress.trials.surrogate import Region, Surrogate
from search_spaces import SEARCH_SPACES

SHAPE = EncoderShape(4, 96, 4, 384, 9000, 64, 2, 3, 96)
SPACE = SEARCH_SPACES["joint"](SHAPE)


def test_requests_leave_at_the_first_exit_that_is_sure():
    confidences = np.array([[0.95, 0.5, 0.5, 0.5], [0.5, 0.95, 0.6, 0.5], [0.9, 0.9, 0.95, 0.2], [1, 1, 1, 1]])
    configuration = TransformerConfiguration.uniform(SHAPE, exit=ExitConfiguration((0, 1), 0.9))
    assert reach(configuration, confidences).tolist() == [1.0, 0.75, 0.5, 0.5]
    assert reach(configuration, None).tolist() == [1.0] * 4
    assert reach(configuration, np.empty((4, 0))).tolist() == [1.0] * 4
    assert reach(replace(configuration, exit=None), confidences).tolist() == [1.0] * 4


@pytest.mark.parametrize("student", ["transformer", "bilstm", "cnn"])
def test_every_configuration_of_a_student_has_terms_of_one_length(student):
    rng = np.random.default_rng(0)
    for _ in range(30):
        configuration = SPACE.sample(rng, student)
        assert latency_terms(configuration, SHAPE, None).shape == latency_prior(student).shape
        assert size_terms(configuration, SHAPE).shape == size_prior().shape
        assert np.isfinite(quality_features(configuration, SHAPE, None, own_network=True)).all()


def test_bytes_of_a_bilstm_by_hand():
    configuration = BiLSTMConfiguration(
        embedding_size=32, hidden_size=16, num_layers=2, vocabulary_size=1000, weight_bits=4, embedding_bits=8
    )
    weights = 2 * 4 * 16 * (32 + 16) + 2 * 4 * 16 * (32 + 16)
    expected = [1, (1000 * 32 + 2000) / 1e6, weights / 2 / 1e6, 2, 1]
    assert size_terms(configuration, SHAPE).tolist() == pytest.approx(expected)


def test_sparse_weights_count_with_their_mask_only_where_that_is_smaller():
    dense = CNNConfiguration(96, 64, 1, 3, 9000)
    terms = [size_terms(replace(dense, sparsity=zeros), SHAPE)[2] for zeros in (0.0, 0.1, 0.5)]
    count = 3 * 96 * 64 / 1e6
    assert terms == pytest.approx([count, count, count * (1 / 8 + 1 / 2)])


@given(st.integers(0, 10_000))
def test_weights_are_found_again_and_never_negative(seed):
    rng = np.random.default_rng(seed)
    true, terms = rng.uniform(0.5, 2.0, 4), rng.uniform(0.1, 1.0, (200, 4))
    assert fit_weights(terms, terms @ true, np.ones(4)) == pytest.approx(true, rel=0.05)
    assert (fit_weights(terms, rng.uniform(0.1, 1.0, 200), np.ones(4)) >= 0).all()


def test_without_measurements_the_prior_stands_and_with_one_it_is_scaled():
    prior, terms = np.array([1.0, 2.0]), np.array([[1.0, 1.0]])
    assert fit_weights(np.empty((0, 2)), np.empty(0), prior).tolist() == [1.0, 2.0]
    assert fit_weights(terms, np.array([6.0]), prior) == pytest.approx([2.0, 4.0])


def test_log_loss_has_an_inverse():
    quality = np.array([0.3, 0.85, 0.9])
    assert from_log_loss(log_loss(quality, 0.9), 0.9) == pytest.approx(quality)


def test_the_quality_model_learns_a_smooth_function_and_knows_where_it_is_unsure():
    rng = np.random.default_rng(0)
    inputs = rng.uniform(0, 1, (60, 2))
    quality = 0.9 - 0.1 * inputs[:, 0] ** 2 - 0.02 * inputs[:, 1]
    model = QualityModel(inputs, quality, 0.9)
    fresh = rng.uniform(0, 1, (50, 2))
    mean, near = model.predict(fresh)
    expected = 0.9 - 0.1 * fresh[:, 0] ** 2 - 0.02 * fresh[:, 1]
    assert np.abs(from_log_loss(mean, 0.9) - expected).mean() < 0.003
    assert model.predict(fresh + 20)[1].min() > near.max()


def test_with_few_points_every_prediction_is_the_same():
    mean, deviation = QualityModel(np.zeros((2, 3)), np.array([0.5, 0.6]), 0.9).predict(np.ones((4, 3)))
    assert len(set(mean)) == 1 and (deviation == 1).all()


def test_improvements_are_those_of_the_exact_hypervolume():
    rng = np.random.default_rng(1)
    front, candidates = rng.uniform(0, 1, (5, 3)), rng.uniform(0, 1, (8, 3))
    points = box_points(np.zeros(3), np.ones(3), 0, count=40_000)
    directions, reference = ("minimize",) * 3, (1.0, 1.0, 1.0)
    before = hypervolume(front, directions, reference)
    exact = [hypervolume([*front, candidate], directions, reference) - before for candidate in candidates]
    assert improvements(candidates, front, points) == pytest.approx(np.array(exact), abs=0.01)


def landscape(configuration):
    """A smooth made-up truth: more of everything is better, slower and larger."""
    terms = latency_terms(configuration, SHAPE, None)
    latency = float(terms @ latency_prior(configuration.student))
    size = float(size_terms(configuration, SHAPE) @ size_prior())
    features = quality_features(configuration, SHAPE, None, own_network=True)
    best = {"transformer": 0.88, "bilstm": 0.9, "cnn": 0.85}[configuration.student]
    return Point(configuration, best - 0.02 * float(np.abs(features - 0.6).mean()), latency, size)


def search(surrogate, seed, count):
    rng, measured = np.random.default_rng(seed), [landscape(SPACE.initial_designs()[0])]
    known = {configuration_digest(measured[0].configuration)}
    for number in range(count):
        if surrogate is None:
            configuration = SPACE.sample(rng)
        else:
            found = surrogate.propose(measured, [], lambda c: configuration_digest(c) in known, 1000 * seed + number)
            assert configuration_digest(found.configuration) not in known
            configuration = found.configuration
        known.add(configuration_digest(configuration))
        measured.append(landscape(configuration))
    values = [[point.quality, np.log(point.latency_ms), np.log(point.size_bytes)] for point in measured]
    reference = [0.8, *values[0][1:]]
    return hypervolume(values, ("maximize", "minimize", "minimize"), reference)


def test_the_surrogate_is_ahead_of_chance_and_repeats_itself():
    ours = [search(Surrogate(SPACE, Region(0.8)), seed, 40) for seed in range(3)]
    assert sum(ours) > sum(search(None, seed, 120) for seed in range(3))
    assert search(Surrogate(SPACE, Region(0.8)), 0, 40) == ours[0]


def test_nothing_is_proposed_where_everything_is_known():
    assert Surrogate(SPACE, Region(0.8)).propose([], [], lambda _: True, 0) is None


def test_what_is_being_measured_is_not_worth_proposing_again():
    surrogate = Surrogate(SPACE, Region(0.8))
    measured = [landscape(configuration) for configuration in SPACE.initial_designs()[:12]]
    first = surrogate.propose(measured, [], lambda _: False, 3)
    second = surrogate.propose(measured, [first.configuration], lambda _: False, 3)
    assert first.configuration != second.configuration
