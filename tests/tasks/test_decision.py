"""Classes or scores: what the user says, then the checkpoint, then the labels."""

from decimal import Decimal

import pytest

from autocompress.system.errors import InputError
from autocompress.tasks.columns import is_score_name
from autocompress.tasks.decision import decide_kind
from autocompress.tasks.declared import DeclaredTask, contradictions, refuse_multi_label
from autocompress.tasks.kinds.classification import CLASSIFICATION
from autocompress.tasks.kinds.regression import REGRESSION

TIMES = 4
BY_VALUES = [
    (["a", "b"], "label", "classification", None),
    ([True, False], "label", "classification", None),
    (["1", "one"], "label", "classification", None),
    ([0, 1], "label", "classification", "only 2 different ones"),
    (list(range(1, 6)), "rating", "classification", "only 5 different ones"),
    ([0.5, 1.0, 2.0], "label", "regression", "fractions"),
    (["0.5", "1", "2e0"], "label", "regression", "fractions"),
    ([Decimal("0.5"), Decimal(1)], "label", "regression", "fractions"),
    ([float(value) for value in range(21)], "label", "regression", "21 different ones"),
    ([f"{value}.0" for value in range(21)], "label", "regression", "21 different ones"),
    ([float(value) for value in range(20)], "label", "classification", "only 20"),
    (list(range(77)), "label", "classification", "from 0 to 76 without a gap"),
    (list(map(str, range(1, 78))), "intent", "classification", "from 1 to 77 without a gap"),
    (list(range(77)), "score", "regression", "a column named 'score'"),
    (list(range(77)), "relatedness_score", "regression", "named"),
    (list(range(101)), "label", "regression", "a usual scale"),
    (list(range(1, 101)), "label", "regression", "a usual scale"),
    (list(range(0, 101, 4)), "label", "regression", "a usual scale"),
    ([*range(50), 73], "label", "regression", "51 different ones"),
    (list(range(-30, 30)), "label", "regression", "60 different ones"),
    ([f"{value:03}" for value in range(150, 250)], "label", "regression", "100 different ones"),
    ([f"{value:03}" for value in range(1, 50)], "label", "classification", "leading zeros"),
    ([10**18 + value for value in range(30)], "label", "classification", "16 digits"),
    (["1.1", "1.10", "1.2"], "label", "classification", "several spellings"),
    (["1.1", "1.10", "1.2"], "score", "regression", "fractions"),
    (["4", "4.0", "3.5"], "label", "regression", "fractions"),
]


@pytest.mark.parametrize(("values", "column", "kind", "why"), BY_VALUES)
def test_by_the_labels(values, column: str, kind: str, why: str | None) -> None:
    decision = decide_kind(values * TIMES, column, "f")
    assert decision.kind == kind
    if why is None:
        assert decision.notes == ()
    else:
        other = {"classification": "regression", "regression": "classification"}[kind]
        assert why in decision.notes[0] and decision.notes[0].endswith(f"say --task {other}")


def test_indices_that_hardly_recur_are_no_classes() -> None:
    assert decide_kind(list(range(77)) * 2, "label", "f").kind == "regression"


SCORES = DeclaredTask(1, "regression", ())
BY_CHECKPOINT = [
    (list(range(1, 6)), SCORES, "regression"),
    (list(range(1, 6)), DeclaredTask(1, None, ()), "regression"),
    (["a", "b"], SCORES, "classification"),
    (list(range(101)), DeclaredTask(101, None, ()), "classification"),
    (list(range(0, 101, 4)), DeclaredTask(101, "single_label_classification", ()), "classification"),
    (list(range(101)), DeclaredTask(2, "single_label_classification", ("no", "yes")), "regression"),
    ([0.5, 1.5], DeclaredTask(2, "single_label_classification", ("no", "yes")), "regression"),
    (["0.5", "1.5"], DeclaredTask(2, "single_label_classification", ("0.5", "1.5")), "classification"),
    ([0, 1], DeclaredTask(None, "odd", ()), "classification"),
]


@pytest.mark.parametrize(("values", "declared", "kind"), BY_CHECKPOINT)
def test_by_the_checkpoint(values, declared: DeclaredTask, kind: str) -> None:
    assert decide_kind(values * TIMES, "label", "f", declared=declared).kind == kind


def test_what_is_asked_for_goes_first() -> None:
    values = list(range(1, 6)) * TIMES
    assert decide_kind(values, "label", "f", asked="classification", declared=SCORES).kind == "classification"
    assert decide_kind(values, "label", "f", asked="regression").notes == (
        "the labels are taken as scores (a regression), as --task says",
    )
    with pytest.raises(InputError, match="numbers for --task regression, but data row 1 has 'a'; leave --task out"):
        REGRESSION.label_names(["a", "b"], "f", ())
    with pytest.raises(InputError, match=r"task must be one of classification, regression.*, but got 'ranking'"):
        decide_kind(values, "label", "f", asked="ranking")


def test_a_head_that_does_not_fit_is_told() -> None:
    assert contradictions(None, REGRESSION, ()) == contradictions(SCORES, REGRESSION, ()) == ()
    assert contradictions(DeclaredTask(2, None, ("no", "yes")), CLASSIFICATION, ("a", "b")) == ()
    assert contradictions(DeclaredTask(3, None, ("x", "y", "z")), CLASSIFICATION, ("a", "b")) == (
        "the checkpoint's head gives 3 outputs (x, y, z), but the labels are 2 classes (a, b): "
        "that head does not fit them",
    )
    assert "gives one number, but" in contradictions(SCORES, CLASSIFICATION, ("a", "b"))[0]
    assert "2 outputs, but the labels are scores" in contradictions(DeclaredTask(2, None, ()), REGRESSION, ())[0]


def test_several_labels_are_refused() -> None:
    refuse_multi_label(None)
    refuse_multi_label(SCORES)
    with pytest.raises(InputError, match=r"multi_label_classification .* not supported yet; give"):
        refuse_multi_label(DeclaredTask(28, "multi_label_classification", ()))


def test_names_of_scores() -> None:
    assert all(map(is_score_name, ["score", "Rating", "similarity_score", "relatednessScore", "STARS", "scores"]))
    assert not any(map(is_score_name, ["label", "intent", "underscored", "class", "target"]))
