"""What is kept of the measured points, against plain sums over all of them."""

from hypothesis import given
from hypothesis import strategies as st
from search_parts import TINY

from autocompress.trials.history import DIRECTIONS, History, Point
from autocompress.trials.pareto import non_dominated
from search_spaces import SEARCH_SPACES

CONFIGURATIONS = SEARCH_SPACES["joint"](TINY).initial_designs()
FLOOR, MOST = 0.5, 3
points = st.lists(
    st.builds(
        Point,
        st.sampled_from(CONFIGURATIONS),
        st.sampled_from([0.3, 0.4, 0.5, 0.6, 0.7, 0.8]),
        st.integers(1, 4).map(float),
        st.integers(1, 4).map(float),
    ),
    max_size=20,
)


def check(seen: History, measured: list[Point]) -> None:
    assert seen.first == (measured[0] if measured else None)
    assert seen.top == max((point.quality for point in measured), default=float("-inf"))
    above = [point for point in measured if point.quality >= FLOOR] or measured
    rows = [(point.quality, point.latency_ms, point.size_bytes) for point in above]
    kept = [point for point, stays in zip(above, non_dominated(rows, DIRECTIONS), strict=True) if stays] if rows else []
    assert seen.front.points == kept
    assert seen.front.figures.tolist() == [[p.quality, p.latency_ms, p.size_bytes] for p in kept]
    for student in ("transformer", "bilstm", "cnn"):
        like = [point for point in measured if point.configuration.student == student]
        assert seen.window(student) == [*like[:MOST], *like[MOST:][-MOST:]]


@given(points, st.integers(0, 20))
def test_taken_in_bit_by_bit_or_at_once_it_is_what_sums_over_all_points_say(measured, cut):
    seen = History(FLOOR, MOST)
    for count in (0, min(cut, len(measured)), len(measured)):
        seen.follow(measured[:count])
        check(seen, measured[:count])


@given(points, points)
def test_another_sequence_is_taken_in_anew(first, second):
    seen = History(FLOOR, MOST)
    seen.follow(first)
    seen.follow(second)
    check(seen, second)
