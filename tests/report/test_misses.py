"""Nearest misses against a hand table, and laws over random figures."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_study import make_figures

from autocompress.domain.problem import Constraints, Problem, Target
from autocompress.report.misses import Candidate, Limit, limits, measured, nearest_misses
from autocompress.report.tables import admitting, relaxation_line, show
from autocompress.system.units import parse_duration_ms, parse_size_bytes

TEACHER = 0.90
# trial: quality, mean ms, size in MB
TABLE = {1: (0.80, 1.0, 2.0), 2: (0.86, 2.0, 4.0), 3: (0.88, 4.0, 8.0), 4: (0.895, 8.0, 16.0)}
CANDIDATES: list[Candidate] = [
    (make_figures(quality, mean, round(size * 1e6)), trial) for trial, (quality, mean, size) in TABLE.items()
]


def asked(**constraints: float | int | None) -> Problem:
    return Problem(target=Target(latency_statistic="mean"), constraints=Constraints(**constraints))  # type: ignore[arg-type]


def test_one_limit_binds_and_says_what_it_would_buy():
    misses = nearest_misses(CANDIDATES, asked(max_latency_ms=1.5, max_drop=4.0, max_size_bytes=10**7), TEACHER)
    assert [miss.trial for miss in misses.nearest] == [1, 2, 3, 4]
    assert [limit.label.split(" (")[0] for limit in (v.limit for v in misses.nearest[0].violations)] == ["quality"]
    latency, size, quality = misses.relaxations
    assert latency.needed == 2.0 and latency.nearest == CANDIDATES[1] and latency.best == CANDIDATES[2]
    assert size.nearest is None and size.alone == CANDIDATES[2]
    assert quality.needed == 0.80 and quality.nearest == quality.best == CANDIDATES[0]
    assert quality.alone == CANDIDATES[3]
    assert relaxation_line(latency, "accuracy") == (
        "mean latency (--max-latency) at most 1.5ms: binds; relaxed to 2ms it admits trial 2 (accuracy 0.860, "
        "2.00 ms mean); without it the best is trial 3 (accuracy 0.880, 4.00 ms mean)"
    )
    assert "not enough to relax it alone; the best that keeps it is trial 3" in relaxation_line(size, "accuracy")


def test_a_limit_that_everything_keeps_does_not_bind():
    misses = nearest_misses(CANDIDATES, asked(max_latency_ms=0.5, max_memory_bytes=10**9), TEACHER)
    latency, memory = misses.relaxations
    assert latency.needed == 1.0 and latency.best == CANDIDATES[3]
    assert memory.nearest is None and memory.alone == CANDIDATES[3]
    alone = nearest_misses(CANDIDATES, asked(max_memory_bytes=10**9), TEACHER)
    assert alone.nearest == () and relaxation_line(alone.relaxations[0], "accuracy").endswith("does not bind")


def test_a_limit_that_nothing_keeps_even_alone():
    misses = nearest_misses(CANDIDATES, asked(max_latency_ms=0.01, min_quality=0.99), TEACHER)
    for relaxation in misses.relaxations:
        assert relaxation.alone is None
        assert "nothing measured keeps this one even alone" in relaxation_line(relaxation, "accuracy")


def test_limits_are_those_that_are_set():
    both = limits(Constraints(20.0, 10, 20, 1.5, 0.8), "p95", TEACHER)
    assert [(limit.kind, limit.bound) for limit in both] == [
        ("latency", 20.0),
        ("size", 10.0),
        ("memory", 20.0),
        ("quality", pytest.approx(0.885)),
        ("quality", 0.8),
    ]
    assert limits(Constraints(), "p95", TEACHER) == ()
    assert limits(Constraints(max_drop=1.0), "p95", None) == ()


def test_each_limit_is_shown_in_its_unit():
    shown = [show(limit, limit.bound) for limit in limits(Constraints(2.5, 10**7, 3 * 10**8, None, 0.87), "p95", None)]
    assert shown == ["2.5ms", "10 MB", "300 MB", "0.8700"]


VALUES = st.tuples(st.floats(0.5, 1.0), st.floats(0.1, 50), st.integers(10**5, 10**8))


@given(st.lists(VALUES, max_size=12), st.floats(0.1, 50), st.integers(10**5, 10**8), st.floats(0.5, 1.0))
def test_laws(values: list[tuple[float, float, int]], latency: float, size: int, quality: float):
    candidates = [(make_figures(*value), trial) for trial, value in enumerate(values)]
    misses = nearest_misses(candidates, asked(max_latency_ms=latency, max_size_bytes=size, min_quality=quality), None)
    missing = [v for v in values if not (v[1] <= latency and v[2] <= size and v[0] >= quality)]
    assert len(misses.nearest) == min(5, len(missing))
    distances = [miss.distance for miss in misses.nearest]
    assert distances == sorted(distances) and all(distance > 0 for distance in distances)
    for relaxation in misses.relaxations:
        if relaxation.nearest is None:
            continue
        others = [r.limit for r in misses.relaxations if r is not relaxation]
        for candidate in (relaxation.nearest, relaxation.best):
            assert candidate is not None and all(keeps(limit, candidate) for limit in others)
        moved = Limit(relaxation.limit.kind, "", relaxation.needed or math.nan)
        assert keeps(moved, relaxation.nearest)


def keeps(limit: Limit, candidate: Candidate) -> bool:
    value = measured(limit, candidate[0], "mean")
    return value >= limit.bound if limit.kind == "quality" else value <= limit.bound


@given(value=st.floats(1e-4, 1e12), kind=st.sampled_from(["latency", "size", "memory"]))
def test_the_bound_that_is_advised_admits_the_point(value: float, kind: str):
    """Copied into the option, that is: rounding to the nearest would leave out every other point."""
    value = value if kind == "latency" else float(math.ceil(value))
    parse = parse_duration_ms if kind == "latency" else parse_size_bytes
    assert value <= parse(admitting(Limit(kind, kind, 1.0), value)) <= 1.11 * value


@given(value=st.floats(0.0, 1.0))
def test_the_quality_that_is_advised_admits_the_point(value: float):
    assert value - 1e-4 <= float(admitting(Limit("quality", "quality", 1.0), value)) <= value
