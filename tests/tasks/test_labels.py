from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autocompress.system.errors import InputError
from autocompress.tasks.labels import (
    class_indices,
    class_names,
    naming_notes,
    number_of,
    numbers_of,
    regression_labels,
    spelled,
)

NAMED = [
    (["b", "a", "b", "a"], ("a", "b")),
    (["10", "2", "10", "2"], ("2", "10")),
    ([10, 2, 10, 2], ("2", "10")),
    ([1.0, 0.0, 1.0, 0.0], ("0", "1")),
    (["1.0", "0.0", "1.0", "0.0"], ("0", "1")),
    (["-1", "+1", "-1", "+1"], ("-1", "+1")),
    ([True, False, True, False], ("False", "True")),
    (["True", "False", "False", "True"], ("False", "True")),
    ([" a", "a ", "b", "b"], ("a", "b")),
    (["1", "one", "1", "one"], ("1", "one")),
    (["nan", "b", "nan", "b"], ("b", "nan")),
    (["007", "7"] * 2, ("007", "7")),
    (["1.1", "1.10", "1.2"] * 2, ("1.1", "1.10", "1.2")),
    (["1.0", "1"] * 2, ("1", "1.0")),
    (["1e5", "100000"] * 2, ("100000", "1e5")),
    (["9007199254740993", "9007199254740992"] * 2, ("9007199254740992", "9007199254740993")),
    ([1234567890123456789, 1234567890123456788] * 2, ("1234567890123456788", "1234567890123456789")),
    ([2**64 - 1, 10**400] * 2, (str(2**64 - 1), str(10**400))),
    ([Decimal("1.10"), Decimal("1.20")] * 2, ("1.10", "1.20")),
    ([Decimal("1.00"), Decimal("2.00")] * 2, ("1", "2")),
    ([0.1, 0.25] * 2, ("0.1", "0.25")),
]


@pytest.mark.parametrize(("values", "names"), NAMED)
def test_classes_keep_their_spelling(values, names) -> None:
    assert class_names(values, "f") == names
    indices = class_indices(values, names, "f")
    assert indices.dtype == np.int64
    assert set(indices.tolist()) == set(range(len(names)))


def test_declared_classes_keep_their_order_and_unused_ones_go() -> None:
    assert class_names(["a", "z"] * 2, "f", ("z", "m", "a")) == ("z", "a")


def test_whole_numbers_agree_however_they_are_written() -> None:
    for values in (["0", "1"], [0, 1], [0.0, 1.0], ["0.0", "1.0"], ["00", "+1"]):
        assert class_indices(values, ("0", "1"), "f").tolist() == [0, 1]
        assert class_indices(values, ("0.0", "1.0"), "f").tolist() == [0, 1]


def test_the_same_spelling_comes_before_the_same_number() -> None:
    names = ("1.1", "1.10", "2")
    assert class_indices(["1.10", "1.1", "2.0", "2"], names, "f").tolist() == [1, 0, 2, 2]
    with pytest.raises(InputError, match=r"data row 1 has '1\.100'"):
        class_indices(["1.100"], names, "f")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["a", "", "b"], "data row 2 has none"),
        (["a", None, "b"], "data row 2 has none"),
        (["a", "b", "  "], "data row 3 has none"),
        ([1.0, float("nan")], "data row 2 has nan"),
        ([0.5, float("inf")], "data row 2 has inf"),
        (["0.5", "inf"], "data row 2 has 'inf'"),
        (["0.5", "NaN"], "data row 2 has 'NaN'"),
        (["0", "NA", "1"], "data row 2 has 'NA'"),
        ([["a"], ["b"]], r"data row 1 has a list; several labels .* not supported"),
        (["1,5", "2"], "write it with a point"),
        (["2", "yes"], "data row 2 has 'yes'; correct"),
        ([True, 1], "data row 1 has 'True'"),
        ([10**400, 1], "rescale the labels or"),
        (["1e999999999", "1"], "data row 1 has 1e999999999; rescale"),
    ],
)
def test_what_is_no_number_names_the_first_row(values, message: str) -> None:
    with pytest.raises(InputError, match=message):
        regression_labels(values, "column 'label' of f.csv")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["a", "a", "a"], "at least two classes, but all are 'a'"),
        ([f"title {row}" for row in range(30)], "30 rows have 30 different labels; choose the right column with --l"),
        ([f"{row}.5" for row in range(30)], "30 rows have 30 different labels; .* say --task regression"),
    ],
)
def test_what_are_no_classes(values, message: str) -> None:
    with pytest.raises(InputError, match=message):
        class_names(values, "f")


def test_a_missing_label_among_numbers_is_no_class() -> None:
    for missing in ("NA", "nan", "None", "null", "n/a", "?", "inf"):
        with pytest.raises(InputError, match="data row 3 has"):
            numbers_of(["0", "1", missing, "1"], "f")
    assert numbers_of(["nan", "inf", "b"], "f") == {}
    assert numbers_of(["1", "1.0", 1], "f") == {"1": 1, "1.0": 1}


@pytest.mark.parametrize("value", ["c", "2", 2, 0.5, True])
def test_an_unseen_class_is_refused(value) -> None:
    for names in (("a", "b"), ("0", "1")):
        with pytest.raises(InputError, match="data row 2 has"):
            class_indices([names[0], value], names, "f")


@pytest.mark.parametrize("value", ["Positive", "positive\u200b", "ＰＯＳＩＴＩＶＥ"])
def test_an_unseen_class_that_is_nearly_one_is_told_so(value: str) -> None:
    with pytest.raises(InputError, match="not spelled as 'positive' is; write them alike"):
        class_indices([value], ("negative", "positive"), "f")


NOTES = [
    (["007", "7"], "one number in several spellings are different classes: '007'/'7'"),
    (["1.1", "1.10"], "'1.1'/'1.10'"),
    (["Yes", "yes", "no"], "differ only in case, white space or Unicode form are different classes: 'Yes'/'yes'"),
    (["a b", "a  b"], "'a  b'/'a b'"),
    (["caf\u00e9", "cafe\u0301"], r"'cafe\u0301'/'caf\xe9'"),
    (["nan", "b"], "taken as the name of a class: nan"),
    (["1.0", "2.0"], "named as whole numbers: 1, 2"),
    ([1e17, 2e17], "cannot hold every digit"),
]


@pytest.mark.parametrize(("labels", "note"), NOTES)
def test_notes_on_names(labels, note: str) -> None:
    values = labels * 2
    notes = naming_notes(values, class_names(values, "f"))
    assert len(notes) == 1 and note in notes[0]


def test_plain_names_need_no_note() -> None:
    for values in (["a", "b"] * 2, ["0", "1"] * 2, [0, 1] * 2, [0.0, 1.0] * 2):
        assert naming_notes(values, class_names(values, "f")) == ()


@given(st.lists(st.integers() | st.decimals(allow_nan=False, allow_infinity=False), min_size=2, max_size=5))
def test_any_number_finds_itself(numbers: list[int | Decimal]) -> None:
    names = tuple(dict.fromkeys(map(spelled, numbers)))
    assert [names[index] for index in class_indices(numbers, names, "f")] == list(map(spelled, numbers))
    assert all(number_of(spelled(number)) == number for number in numbers)
