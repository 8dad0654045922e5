import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from autocompress.measurement.quality import quality_of
from autocompress.measurement.statistics import (
    CORRELATION,
    LASTING,
    PRIOR_DEGREES,
    PRIOR_DEVIATION,
    accuracy_interval,
    bootstrap_interval,
    metric_interval,
    paired_difference_interval,
    repeat_interval,
    summarise_latency,
)
from autocompress.tasks.task import Task

SENTIMENT = Task("classification", ("text",), "label", ("negative", "positive"))
SIMILARITY = Task("regression", ("first", "second"), "score", ())


@pytest.mark.parametrize(
    ("name", "function"),
    [("mean", np.mean), ("p50", np.median), ("p95", lambda x, axis: np.percentile(x, 95, axis=axis))],
)
def test_interval_agrees_with_scipy(name, function):
    values = np.random.default_rng(3).gamma(2.0, 3.0, 150)
    reference = stats.bootstrap(
        (values,), function, n_resamples=8000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    ours = bootstrap_interval(values, name, resamples=8000, rng=np.random.default_rng(2))
    width = reference.high - reference.low
    assert ours == pytest.approx((reference.low, reference.high), abs=0.08 * width)


def test_chunks_do_not_change_what_is_drawn():
    values = np.arange(3000.0)
    low, high = bootstrap_interval(values, resamples=900, rng=np.random.default_rng(0))
    error = values.std() / np.sqrt(values.size)
    assert (low, high) == pytest.approx((values.mean() - 1.96 * error, values.mean() + 1.96 * error), abs=0.3 * error)


def test_the_same_generator_gives_the_same_interval():
    values = [1.0, 2.0, 5.0, 9.0]
    assert bootstrap_interval(values) == bootstrap_interval(values)


def test_mean_interval_covers_the_truth_in_95_of_100():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(300):
        low, high = bootstrap_interval(rng.normal(10, 2, 60), resamples=400, rng=rng)
        hits += low <= 10 <= high
    assert 0.90 <= hits / 300 <= 0.98


def test_accuracy_interval_covers_the_truth_and_agrees_with_resampling():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(300):
        low, high = accuracy_interval(rng.random(400) < 0.9, rng=rng)
        hits += low <= 0.9 <= high
    assert 0.90 <= hits / 300 <= 0.98
    correct = (rng.random(500) < 0.8).astype(float)
    assert accuracy_interval(correct, resamples=5000) == pytest.approx(
        bootstrap_interval(correct, resamples=5000), abs=0.005
    )


def test_all_correct_has_no_width():
    assert accuracy_interval(np.ones(10)) == (1.0, 1.0)


def test_paired_difference_sees_what_separate_intervals_cannot():
    rng = np.random.default_rng(0)
    lengths = rng.gamma(2.0, 2.0, 200)
    slow = lengths + 0.05 + rng.normal(0, 0.02, 200)
    fast = lengths + rng.normal(0, 0.02, 200)
    low, high = paired_difference_interval(slow, fast)
    assert 0 < low < 0.05 < high
    assert bootstrap_interval(slow)[0] < bootstrap_interval(fast)[1]


def test_metric_interval_of_a_correlation_agrees_with_fisher():
    rng = np.random.default_rng(0)
    x = rng.normal(size=800)
    y = 0.8 * x + 0.6 * rng.normal(size=800)
    low, high = metric_interval(lambda a, b: float(np.corrcoef(a, b)[0, 1]), x, y)
    reference = stats.pearsonr(x, y).confidence_interval()
    assert (low, high) == pytest.approx((reference.low, reference.high), abs=0.01)


def test_metric_that_is_never_a_number_is_refused():
    with pytest.raises(ValueError, match="finite number"):
        metric_interval(lambda a, b: float("nan"), np.ones(4), np.ones(4), resamples=5)


@pytest.mark.parametrize("values", [[], [[1.0]], [1.0, np.nan]])
def test_values_that_are_no_sample_are_refused(values):
    with pytest.raises(ValueError, match="finite number"):
        bootstrap_interval(values)


def test_unequal_pairs_and_levels_are_refused():
    with pytest.raises(ValueError, match="equally many"):
        paired_difference_interval([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="0 < level < 1"):
        bootstrap_interval([1.0], level=1.0)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.01, 1e3), min_size=1, max_size=40))
def test_latency_summary_is_ordered_and_inside_its_samples(samples):
    latency = summarise_latency(samples, 0.97, False, rounds_ms=samples)
    slack = 1e-9 * max(samples)
    assert min(samples) - slack <= latency.p50 <= latency.p95 + slack <= max(samples) + 2 * slack
    assert 0 < latency.mean_interval[0] < latency.mean < latency.mean_interval[1]
    assert latency.count == len(samples)


def test_latency_summary_by_hand():
    latency = summarise_latency(np.arange(1.0, 101.0), 0.5, True, rounds_ms=[40.5, 60.5])
    assert (latency.mean, latency.p50, latency.p95) == pytest.approx((50.5, 50.5, 95.05))
    assert latency.mean_interval[0] < 50.5 < latency.mean_interval[1]
    assert (latency.cpu_share, latency.disturbed) == (0.5, True)


def test_quality_of_a_classification():
    outputs = np.array([[2, 1], [0, 3], [1, 0], [0, 1]], np.float32)
    quality = quality_of(SENTIMENT, outputs, np.array([0, 1, 1, 1]))
    assert (quality.metric, quality.value, quality.count) == ("accuracy", 0.75, 4)
    assert quality.interval[0] <= 0.75 <= quality.interval[1]
    assert set(quality.secondary) == {"macro_f1"}


def test_quality_of_a_regression():
    rng = np.random.default_rng(0)
    labels = rng.normal(size=100).astype(np.float32)
    outputs = (labels + rng.normal(0, 0.3, 100)).astype(np.float32)[:, None]
    quality = quality_of(SIMILARITY, outputs, labels)
    assert quality.value == pytest.approx(stats.pearsonr(outputs[:, 0], labels).statistic, abs=1e-6)
    assert quality.interval[0] < quality.value < quality.interval[1]
    assert quality == quality_of(SIMILARITY, outputs, labels)


def medians_and_rounds(correlation: float, lasting: float, seed: int) -> tuple[float, np.ndarray]:
    """Fifteen rounds of a log-normal first-order autoregressive process about a level, and the median of another's."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0.0, 0.05 * np.sqrt(1 - correlation**2), (15, 2))
    state, level, rows = rng.normal(0.0, 0.05, 2), rng.normal(0.0, 0.05 * lasting, 2), []
    for step in noise:
        state = correlation * state + step
        rows.append(np.exp(level + state))
    ours, others = np.array(rows).T
    return float(np.median(others)), ours


@pytest.mark.parametrize(("correlation", "lasting"), [(0.0, 1.2), (0.3, 1.0), (0.3, 1.2), (0.6, 1.2)])
def test_another_median_lies_in_the_interval_about_as_often_as_it_says(correlation: float, lasting: float):
    inside = 0
    for seed in range(600):
        other, rounds = medians_and_rounds(correlation, lasting, seed)
        low, high = repeat_interval(rounds)
        inside += low <= other <= high
    assert 0.92 <= inside / 600 <= 0.985


def test_the_interval_of_rounds_scales_with_them_and_widens_with_their_spread():
    rounds = np.array([1.0, 1.2, 0.9, 1.1, 1.05])
    low, high = repeat_interval(rounds)
    assert repeat_interval(10 * rounds) == pytest.approx((10 * low, 10 * high))
    assert np.sqrt(low * high) == pytest.approx(np.median(rounds))
    calm, restless, more = (repeat_interval(rounds) for rounds in ([2.0] * 3, [1.6, 2.0, 2.4], [2.0] * 12))
    assert restless[0] < calm[0] < more[0] < 2.0 < more[1] < calm[1] < restless[1]


def test_one_round_that_was_hit_hard_hardly_moves_the_figure_or_its_interval():
    rounds = np.array([0.047, 0.048, 0.049, 0.049, 0.05, 0.051])
    hit = np.array([0.047, 0.048, 0.049, 0.049, 0.05, 0.12])
    for bound, other in zip(repeat_interval(rounds), repeat_interval(hit), strict=True):
        assert bound == pytest.approx(other, rel=0.1)
    summary = summarise_latency(hit, 1.0, True, rounds_ms=hit)
    assert summary.mean == pytest.approx(0.049)


def test_one_round_has_the_interval_of_a_usual_machine():
    low, high = repeat_interval([2.0])
    share = (1 + CORRELATION) / (1 - CORRELATION) + LASTING**2
    expected = stats.t.ppf(0.975, PRIOR_DEGREES) * PRIOR_DEVIATION * np.sqrt(2 * share)
    assert np.log([2.0 / low, high / 2.0]) == pytest.approx(expected)


def test_a_summary_takes_its_mean_and_interval_from_the_rounds():
    samples, rounds = np.linspace(1.0, 9.0, 100), np.array([4.9, 5.04, 5.1, 5.0, 5.2])
    latency = summarise_latency(samples, 1.0, False, rounds_ms=rounds, energy_mj=2.0)
    assert latency.mean == pytest.approx(5.04) and latency.energy_mj == 2.0
    assert latency.mean_interval == pytest.approx(repeat_interval(rounds))
    assert (latency.p50, latency.count) == (5.0, 100)
