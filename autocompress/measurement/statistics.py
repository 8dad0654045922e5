"""Bootstrap intervals and summaries of measured samples, as pure functions of arrays (Efron and Tibshirani 1993).

All intervals are at ``level``; but for ``repeat_interval`` they are percentile bootstrap intervals (chapter 13) from
``resamples`` resamplings of whole rows.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autocompress.domain.figures import Latency

LEVEL = 0.95
RESAMPLES = 1000
# Of a shared 2-core machine, from a quarter of an hour of scripts/benchmark_aa.py; studies/latency tests them.
PRIOR_DEVIATION, PRIOR_DEGREES, CORRELATION, LASTING = 0.05, 4, 0.3, 1.2
OUTLYING, NORMAL_SCALE = 1.5, 1.4826
_CHUNK = 1 << 20

Interval = tuple[float, float]
Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]

STATISTICS: dict[str, Statistic] = {
    "mean": lambda rows: np.asarray(rows.mean(axis=-1)),
    "p50": lambda rows: np.asarray(np.percentile(rows, 50, axis=-1)),
    "p95": lambda rows: np.asarray(np.percentile(rows, 95, axis=-1)),
}


def bootstrap_interval(
    values: ArrayLike,
    statistic: str = "mean",
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    rng: np.random.Generator | None = None,
) -> Interval:
    """The interval of a statistic (``mean``, ``p50``, ``p95``) of ``values`` [n]; ValueError if there are none."""
    array = _finite_vector(values, "values")
    rng = np.random.default_rng(0) if rng is None else rng
    compute = STATISTICS[statistic]
    step = max(1, _CHUNK // array.size)
    drawn = [
        compute(array[rng.integers(array.size, size=(min(step, resamples - start), array.size))])
        for start in range(0, resamples, step)
    ]
    return _percentile_interval(np.concatenate(drawn), level)


def accuracy_interval(
    correct: ArrayLike,
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    rng: np.random.Generator | None = None,
) -> Interval:
    """The interval of the fraction of ones in ``correct`` (0/1) [n].

    Resampling rows of a 0/1 vector and averaging is a binomial draw, so that is what is drawn.
    """
    array = _finite_vector(correct, "correct")
    rng = np.random.default_rng(0) if rng is None else rng
    drawn = rng.binomial(array.size, float(np.clip(array.mean(), 0.0, 1.0)), size=resamples) / array.size
    return _percentile_interval(drawn, level)


def metric_interval(
    metric: Callable[[NDArray[Any], NDArray[Any]], float],
    outputs: NDArray[Any],
    labels: NDArray[Any],
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    rng: np.random.Generator | None = None,
) -> Interval:
    """The interval of ``metric(outputs [n, ...], labels [n])`` over resampled rows, for metrics that are no mean.

    Resamplings where the metric is not a number (a correlation of constant rows) are left out; ValueError if none
    is left.
    """
    if len(outputs) != len(labels) or len(labels) == 0:
        raise ValueError(f"outputs and labels must have the same rows, at least one, got {len(outputs)}, {len(labels)}")
    rng = np.random.default_rng(0) if rng is None else rng
    rows = (rng.integers(len(labels), size=len(labels)) for _ in range(resamples))
    drawn = np.asarray([metric(outputs[index], labels[index]) for index in rows], dtype=np.float64)
    drawn = drawn[np.isfinite(drawn)]
    if drawn.size == 0:
        raise ValueError("the metric must be a finite number on some resampling, but it never was")
    return _percentile_interval(drawn, level)


def paired_difference_interval(
    a: ArrayLike,
    b: ArrayLike,
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    rng: np.random.Generator | None = None,
) -> Interval:
    """The interval of mean(a - b), ``a`` [n] and ``b`` [n] paired by request or row; zero inside is a draw."""
    first, second = _finite_vector(a, "a"), _finite_vector(b, "b")
    if first.size != second.size:
        raise ValueError(f"paired samples must be equally many, but got {first.size} and {second.size}")
    return bootstrap_interval(first - second, level=level, resamples=resamples, rng=rng)


def repeat_interval(rounds: ArrayLike, *, level: float = LEVEL) -> Interval:
    """The interval that the median of as many other ``rounds`` [n] of a positive figure lies in, at ``level``.

    A round that was disturbed more than the others says little of the next measurement: deviations from the median, in
    logarithms, count up to ``OUTLYING`` of their usual ones, estimated by the median deviation (Huber 1981). Their
    variance is shrunk towards that of a usual machine, which counts as ``PRIOR_DEGREES`` rounds more (Smyth 2004): a
    few calm rounds say little. Rounds that follow each other are correlated by ``CORRELATION``, so they count as fewer
    independent ones (Zwiers and von Storch 1995), and where rounds differ, so do longer states of the machine, by
    ``LASTING`` times that, which no number of rounds averages out. Two such figures differ by the root of two times
    the error of one, which Student's distribution widens.
    """
    from scipy.special import stdtrit  # not at the top: a process that only measures does without it

    values = _finite_vector(rounds, "rounds")
    centre = float(np.median(values))
    deviations = np.abs(np.log(values / centre))
    limit = OUTLYING * max(NORMAL_SCALE * float(np.median(deviations)), PRIOR_DEVIATION)
    degrees = values.size - 1 + PRIOR_DEGREES
    squares = float((np.minimum(deviations, limit) ** 2).sum()) + PRIOR_DEGREES * PRIOR_DEVIATION**2
    share = (1 + CORRELATION) / (1 - CORRELATION) / values.size + LASTING**2
    half = float(stdtrit(degrees, 0.5 * (1 + level))) * float(np.sqrt(2 * squares / degrees * share))
    return centre * float(np.exp(-half)), centre * float(np.exp(half))


def summarise_latency(
    samples_ms: ArrayLike,
    cpu_share: float,
    disturbed: bool,
    *,
    rounds_ms: ArrayLike,
    energy_mj: float | None = None,
) -> Latency:
    """Summarise ``samples_ms`` [n] and the means of their rounds [m], in milliseconds per request.

    The mean is that of the median round: a round that was disturbed unnoticed does not move it. Its interval is
    ``repeat_interval``.
    """
    samples, rounds = _finite_vector(samples_ms, "samples_ms"), _finite_vector(rounds_ms, "rounds_ms")
    return Latency(
        mean=float(np.median(rounds)),
        p50=float(np.percentile(samples, 50)),
        p95=float(np.percentile(samples, 95)),
        mean_interval=repeat_interval(rounds),
        count=int(samples.size),
        cpu_share=float(cpu_share),
        disturbed=bool(disturbed),
        energy_mj=energy_mj,
    )


def _percentile_interval(drawn: NDArray[np.float64], level: float) -> Interval:
    if not 0.0 < level < 1.0:
        raise ValueError(f"0 < level < 1 must hold, but got {level}")
    low, high = np.percentile(drawn, [50 * (1 - level), 50 * (1 + level)])
    return float(low), float(high)


def _finite_vector(values: ArrayLike, name: str) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0 or not np.isfinite(array).all():
        raise ValueError(f"{name} must be a vector of at least one finite number, but got shape {array.shape}")
    return array
