"""Nearest misses against a hand table, and laws over random figures."""

import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from synthetic_study import make_figures

from autocompress.domain.problem import Constraints, Problem, Target
from autocompress.report.misses import Candidate, nearest_misses
from autocompress.report.tables import relaxation_line
from autocompress.system.units import parse_duration_ms, parse_size_bytes
from objectives import constraints_for
from objectives.constraint import Constraint

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
    assert [v.constraint.label.split(" (")[0] for v in misses.nearest[0].violations] == ["quality"]
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


def test_a_quality_that_equals_the_floor_but_for_rounding_is_no_miss():
    """0.907 - 0.01 is a little more than 0.897 in binary; constraints_for counts such a point as feasible."""
    (miss,) = nearest_misses([(make_figures(0.897, 2.0), 7)], asked(max_latency_ms=1.0, max_drop=1.0), 0.907).nearest
    assert [violation.constraint.name for violation in miss.violations] == ["max_latency"]


def test_each_bound_is_shown_in_its_unit():
    constraints = constraints_for(asked(max_latency_ms=2.5, max_size_bytes=10**7, max_memory_bytes=3 * 10**8), None)
    constraints += constraints_for(asked(min_quality=0.87), None)
    assert [each.show(each.bound) for each in constraints] == ["2.5ms", "10 MB", "300 MB", "0.8700"]


VALUES = st.tuples(st.floats(0.5, 1.0), st.floats(0.1, 50), st.integers(10**5, 10**8))


@given(st.lists(VALUES, max_size=12), st.floats(0.1, 50), st.integers(10**5, 10**8), st.floats(0.5, 1.0))
def test_laws(values: list[tuple[float, float, int]], latency: float, size: int, quality: float):
    candidates = [(make_figures(*value), trial) for trial, value in enumerate(values)]
    misses = nearest_misses(candidates, asked(max_latency_ms=latency, max_size_bytes=size, min_quality=quality), None)
    missing = [v for v in values if v[1] / latency > 1 or v[2] / size > 1 or v[0] < quality - 1e-9]
    assert len(misses.nearest) == min(5, len(missing))
    distances = [miss.distance for miss in misses.nearest]
    assert distances == sorted(distances) and all(distance > 0 for distance in distances)
    for relaxation in misses.relaxations:
        if relaxation.nearest is None:
            continue
        others = [r.constraint for r in misses.relaxations if r is not relaxation]
        for candidate in (relaxation.nearest, relaxation.best):
            assert candidate is not None and all(keeps(constraint, candidate) for constraint in others)
        moved = replace(relaxation.constraint, bound=relaxation.needed or math.nan)
        assert keeps(moved, relaxation.nearest)


def keeps(constraint: Constraint, candidate: Candidate) -> bool:
    value, bound = constraint.value(candidate[0]), constraint.bound
    return value >= bound - 1e-9 if constraint.name == "min_quality" else value / bound <= 1


ONE_OF_EACH = {
    each.name: each
    for each in constraints_for(
        asked(max_latency_ms=1.0, max_size_bytes=1, max_memory_bytes=1, max_drop=1.0, min_quality=1.0), 1.0
    )
}


@given(value=st.floats(1e-4, 1e12), name=st.sampled_from(["max_latency", "max_size", "max_memory"]))
def test_the_bound_that_is_advised_admits_the_point(value: float, name: str):
    """Copied into the option, that is: rounding to the nearest would leave out every other point."""
    value = value if name == "max_latency" else float(math.ceil(value))
    parse = parse_duration_ms if name == "max_latency" else parse_size_bytes
    assert value <= parse(ONE_OF_EACH[name].admitting(value)) <= 1.11 * value


@given(value=st.floats(0.0, 1.0), name=st.sampled_from(["max_drop", "min_quality"]))
def test_the_quality_that_is_advised_admits_the_point(value: float, name: str):
    assert value - 1e-4 <= float(ONE_OF_EACH[name].admitting(value)) <= value
