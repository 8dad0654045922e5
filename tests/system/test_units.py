"""Laws and hand tables of durations and sizes as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autocompress.system.errors import InputError
from autocompress.system.units import (
    BYTES,
    MILLISECONDS,
    format_duration_ms,
    format_size_bytes,
    human_seconds,
    human_size,
    parse_duration_ms,
    parse_size_bytes,
)

DURATIONS = [
    ("20ms", 20.0),
    ("850us", 0.85),
    ("850µs", 0.85),
    (" 1.5 s ", 1500.0),
    ("90s", 90_000.0),
    ("15m", 900_000.0),
    ("2min", 120_000.0),
    ("1h", 3_600_000.0),
    (".5ms", 0.5),
    ("3.ms", 3.0),
]
SIZES = [
    ("10MB", 10_000_000),
    ("8MiB", 8_388_608),
    ("1.5kB", 1500),
    ("300mb", 300_000_000),
    ("1KB", 1000),
    ("1GiB", 2**30),
    ("7B", 7),
    ("0.1kB", 100),
]


@pytest.mark.parametrize(("text", "value"), DURATIONS)
def test_durations_are_read(text: str, value: float):
    assert parse_duration_ms(text) == value


@pytest.mark.parametrize(("text", "value"), SIZES)
def test_sizes_are_read(text: str, value: int):
    assert parse_size_bytes(text) == value


@pytest.mark.parametrize("text", ["", "20", "ms", "-1ms", "1e3ms", "0s", "0.0ms", "nan ms", "infs", "2 0ms", "9" * 50])
def test_what_is_no_duration_is_refused(text: str):
    with pytest.raises(InputError, match="a duration") as caught:
        parse_duration_ms(text)
    assert "\n" not in str(caught.value) and "20ms" in str(caught.value)


@pytest.mark.parametrize("text", ["20parsec", "20MS", "20MB"])
def test_an_unknown_unit_of_time_is_named(text: str):
    with pytest.raises(
        InputError, match=f"the unit of a duration is one of us, ms, s, m, h.* {text[2:]!r} in {text!r}"
    ):
        parse_duration_ms(text)


@pytest.mark.parametrize("text", ["10ms", "10Mb", "0.2B", "0MB", "10", "1e6B", "1000000000000GB"])
def test_what_is_no_size_is_refused(text: str):
    with pytest.raises(InputError, match="a size"):
        parse_size_bytes(text)


@given(st.floats(min_value=1e-9, max_value=1e15))
def test_a_formatted_duration_is_read_back_exactly(milliseconds: float):
    assert parse_duration_ms(format_duration_ms(milliseconds)) == milliseconds


@given(st.integers(min_value=1, max_value=10**15))
def test_a_formatted_size_is_read_back_exactly(size: int):
    assert parse_size_bytes(format_size_bytes(size)) == size


@given(st.integers(min_value=1, max_value=999), st.sampled_from(sorted(MILLISECONDS)))
def test_no_spelling_of_a_duration_is_longer_than_the_one_given(number: int, unit: str):
    given_text = f"{number}{unit}"
    assert len(format_duration_ms(parse_duration_ms(given_text))) <= len(given_text)


@given(st.integers(min_value=1, max_value=999), st.sampled_from(sorted(BYTES)))
def test_no_spelling_of_a_size_is_longer_than_the_one_given(number: int, unit: str):
    given_text = f"{number}{unit}"
    assert len(format_size_bytes(parse_size_bytes(given_text))) <= len(given_text)


@given(st.text(max_size=20))
def test_any_text_is_read_or_refused_in_one_line(text: str):
    for parse in (parse_duration_ms, parse_size_bytes):
        try:
            assert parse(text) > 0
        except InputError as error:
            assert len(str(error).splitlines()) == 1


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(20.0, "20ms"), (90_000.0, "90s"), (900_000.0, "15m"), (0.1, "100us"), (1500.0, "1.5s"), (3_600_000.0, "1h")],
)
def test_durations_are_written_plainly(milliseconds: float, text: str):
    assert format_duration_ms(milliseconds) == text


@pytest.mark.parametrize(("size", "text"), [(10_000_000, "10MB"), (8_388_608, "8MiB"), (1_234_567, "1234567B")])
def test_sizes_are_written_plainly(size: int, text: str):
    assert format_size_bytes(size) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (90_900_000, "90.9 MB"), (3_210_000_000, "3.21 GB")],
)
def test_sizes_for_people(size: int, text: str):
    assert human_size(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_times_for_people(seconds: float, text: str):
    assert human_seconds(seconds) == text
