from decimal import Decimal

import numpy as np
import pytest

from autocompress.errors import InputError
from autocompress.tasks.labels import class_indices, infer_classes, regression_labels

INFERRED = [
    (["b", "a", "b", "a"], "classification", ("a", "b")),
    (["10", "2", "10", "2"], "classification", ("2", "10")),
    ([10, 2, 10, 2], "classification", ("2", "10")),
    ([1.0, 0.0, 1.0, 0.0], "classification", ("0", "1")),
    (["1.0", "0.0", "1.0", "0.0"], "classification", ("0", "1")),
    (["-1", "1", "-1", "1"], "classification", ("-1", "1")),
    ([True, False, True, False], "classification", ("False", "True")),
    (["True", "False", "False", "True"], "classification", ("False", "True")),
    ([" a", "a ", "b", "b"], "classification", ("a", "b")),
    (["1", "one", "1", "one"], "classification", ("1", "one")),
    (["nan", "b", "nan", "b"], "classification", ("b", "nan")),
    ([0.5, 1.0, 2.0], "regression", ()),
    (["0.5", "1", "2e0"], "regression", ()),
    ([Decimal("0.5"), Decimal(1)], "regression", ()),
    ([float(value) for value in range(21)] * 3, "regression", ()),
    ([float(value) for value in range(20)] * 3, "classification", tuple(map(str, range(20)))),
    (list(range(77)) * 3, "classification", tuple(map(str, range(77)))),
]


@pytest.mark.parametrize(("values", "kind", "names"), INFERRED)
def test_kind_and_classes_by_hand(values, kind: str, names) -> None:
    assert infer_classes(values, None, "f") == (kind, names)
    if kind == "classification":
        indices = class_indices(values, names, "f")
        assert indices.dtype == np.int64
        assert set(indices.tolist()) == set(range(len(names)))
    else:
        assert regression_labels(values, "f").tolist() == [float(value) for value in values]


def test_whole_numbers_agree_however_they_are_written() -> None:
    for values in (["0", "1"], [0, 1], [0.0, 1.0], ["0.0", "1.0"], ["00", "+1"]):
        assert class_indices(values, ("0", "1"), "f").tolist() == [0, 1]


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
        ([["a"], ["b"]], "data row 1 has a list"),
        (["a", "a", "a"], "at least two classes, but all are 'a'"),
        (["1", "1.0", "1"], "at least two classes, but all are '1'"),
        ([f"title {row}" for row in range(30)], "30 rows have 30 different labels"),
        ([10**400, 1], "finite number"),
    ],
)
def test_bad_labels_name_the_first_row(values, message: str) -> None:
    with pytest.raises(InputError, match=message):
        infer_classes(values, None, "column 'label' of f.csv")


@pytest.mark.parametrize("value", ["c", "2", 2, 0.5, True])
def test_an_unseen_class_is_refused(value) -> None:
    for names in (("a", "b"), ("0", "1")):
        with pytest.raises(InputError, match="data row 2 has"):
            class_indices([names[0], value], names, "f")


def test_declared_classes_keep_their_order_and_unused_ones_go() -> None:
    assert infer_classes([2, 0, 2, 0], ("z", "m", "a"), "f") == ("classification", ("z", "a"))
