import pytest
from hypothesis import given
from hypothesis import strategies as st

from autocompress.tasks.valid_text import folded, listed, shown, valid, valid_values

ANY = st.text(st.characters(exclude_categories=()))


@given(ANY)
def test_valid_text_can_be_encoded_and_keeps_what_is_right(text: str) -> None:
    found = valid(text)
    assert found.encode() is not None and "\0" not in found and len(found) == len(text)
    assert all(before == after for before, after in zip(text, found, strict=True) if after != "\ufffd")


def test_values_are_counted_by_row() -> None:
    values = ["a", "b\ud800", None, 3, b"\xff", b"ok", "\0", ["x"]]
    assert valid_values(values) == (["a", "b\ufffd", None, 3, "\ufffd", "ok", "\ufffd", ["x"]], [1, 4, 6])


@pytest.mark.parametrize("name", ["Cafe\u0301 x", "CAFÉ  X ", "café\u00a0x", "ca\u200bfé x"])
def test_folded(name: str) -> None:
    assert folded(name) == "café x"


@given(st.lists(ANY, max_size=9))
def test_what_is_shown_is_one_printable_line(names: list[str]) -> None:
    assert listed(names).isprintable() and len(listed(names)) < 6 * 300
    assert all(shown(name).isprintable() for name in names)
