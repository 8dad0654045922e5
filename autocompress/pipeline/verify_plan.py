"""Tells from mean latencies how many seconds verifying takes, and which timing protocol fits into a given time.

Verifying loads each file in fresh processes, predicts the test split with each, and times all of them: what is not
timing takes as long as the files and the test split need, timing takes as long as there is.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from autocompress.domain.figures import Baseline
from autocompress.measurement.baselines import RUNTIMES, SERVED
from autocompress.measurement.protocol import SPAN_S, LatencyProtocol
from autocompress.measurement.requests import REQUEST_COUNT
from autocompress.measurement.stock_models import FP32, PYTORCH
from autocompress.study.results import TrialResult

LOADING_S = 1.5
"""Seconds in which a process loads one file."""
WHOLE_TEACHERS = 2
"""How many finalists are taken to be as slow as the study's first trial, which is the whole teacher in 8 bits."""
PYTORCH_SLOWER = 2.0
"""How much slower than its fp32 file the checkpoint is taken to be in PyTorch before it was measured."""


def shortest_verification_s(
    baselines: Sequence[Baseline], first_trial: Sequence[TrialResult], test_requests: float
) -> float:
    """Return the seconds of the shortest verification worth planning, before any finalist is known.

    It times the files in one process and PyTorch for half of its usual span. ``first_trial`` is the study's first
    result, or empty; ``test_requests`` are the requests that the test split makes.
    """
    finalists = [*first_trial] * WHOLE_TEACHERS
    return seconds_without_timing(baselines, finalists, test_requests) + 1.5 * SPAN_S


def longest_protocol(
    protocol: LatencyProtocol,
    baselines: Sequence[Baseline],
    finalists: Sequence[TrialResult],
    test_requests: float,
    planned_s: float,
) -> LatencyProtocol:
    """Return ``protocol`` with as many processes as ``planned_s`` has room for, beside all that is not timing."""
    means_ms = [*_baseline_means_ms(baselines).values(), *_finalist_means_ms(finalists)]
    cycle_s = REQUEST_COUNT * sum(means_ms) / 1000
    timing_s = planned_s - seconds_without_timing(baselines, finalists, test_requests)
    return protocol.fitted_to(timing_s / len(RUNTIMES), cycle_s)


def seconds_without_timing(
    baselines: Sequence[Baseline], finalists: Sequence[TrialResult], test_requests: float
) -> float:
    """Return the seconds in which all files are loaded and predict the test split.

    What runs in fp32 predicts on all processors. Baselines with a test quality do not predict the split again.
    """
    tested, means = {b.name for b in baselines if b.figures.test is not None}, _baseline_means_ms(baselines)
    cores = os.cpu_count() or 1
    predicting_ms = [mean / (1 if name in SERVED else cores) for name, mean in means.items() if name not in tested]
    predicting_ms += _finalist_means_ms(finalists)
    return LOADING_S * (len(means) + len(finalists)) + sum(predicting_ms) * test_requests / 1000


def _baseline_means_ms(baselines: Sequence[Baseline]) -> dict[str, float]:
    """Return the mean latency by baseline, with a guess of PyTorch's before that was measured."""
    means = {baseline.name: baseline.figures.latency_ms.mean for baseline in baselines}
    return {PYTORCH: PYTORCH_SLOWER * means[FP32], **means} if FP32 in means else means


def _finalist_means_ms(finalists: Sequence[TrialResult]) -> list[float]:
    return [one.figures.latency_ms.mean for one in finalists if one.figures]
