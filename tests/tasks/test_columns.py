import pytest

from autocompress.system.errors import InputError
from autocompress.tasks.columns import LABELS, PAIRS, TEXTS, find_columns

FOUND = [
    (["text", "label"], ("text",), "label"),
    (["idx", "sentence", "label"], ("sentence",), "label"),
    (["Sentence1", "Sentence2", "Score"], ("Sentence1", "Sentence2"), "Score"),
    (["label", "premise", "hypothesis", "text"], ("premise", "hypothesis"), "label"),
    (["question", "sentence", "label", "idx"], ("question", "sentence"), "label"),
    (["id", "question1", "question2", "is_duplicate"], ("question1", "question2"), "is_duplicate"),
    (["Text A", "Text-B", "y"], ("Text A", "Text-B"), "y"),
    (["whatever", "sentiment"], ("whatever",), "sentiment"),
    (["airline", "tweet", "sentiment", "label"], ("tweet",), "label"),
    (["text", "Text", "label"], ("text",), "label"),
    (["title", "text", "category"], ("text",), "category"),
]


@pytest.mark.parametrize(("names", "texts", "label"), FOUND)
def test_usual_names_are_found(names, texts, label) -> None:
    assert find_columns(names, None, None, "f.csv") == (texts, label)


def test_named_columns_override_the_usual_ones() -> None:
    names = ["text", "label", "other", "mark"]
    assert find_columns(names, ("other",), None, "f.csv") == (("other",), "label")
    assert find_columns(names, None, "mark", "f.csv") == (("text",), "mark")
    assert find_columns(names, ("other", "text"), "mark", "f.csv") == (("other", "text"), "mark")
    assert find_columns(["text", "label", "score"], ("label",), None, "f.csv") == (("label",), "score")


@pytest.mark.parametrize(
    ("names", "texts", "label", "message"),
    [
        (["text", "label"], ("body",), None, "'body', but its columns are 'text', 'label'"),
        (["text", "label"], None, "mark", "'mark', but its columns are 'text', 'label'"),
        (["text", "other"], None, None, "must have a label column, but its columns are 'text', 'other'"),
        (["a", "b", "label"], None, None, "must have a text column, but its columns are 'a', 'b', 'label'"),
        (["label"], None, None, "must have a text column"),
        (["text", "label"], ("text", "text"), None, "different columns"),
        (["text", "label"], ("text",), "text", "different columns"),
        (["a", "b", "c", "label"], ("a", "b", "c"), None, "one text column or two"),
        ([f"column{i}" for i in range(30)], None, None, "and 10 more"),
    ],
)
def test_what_is_missing_is_told_with_what_is_there(names, texts, label, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_columns(names, texts, label, "f.csv")


def test_usual_names_are_normalised_and_labels_are_no_texts() -> None:
    usual = {*TEXTS, *LABELS, *(name for pair in PAIRS for name in pair)}
    assert all(name == name.strip().lower().replace(" ", "_").replace("-", "_") for name in usual)
    assert not set(LABELS) & {*TEXTS, *(name for pair in PAIRS for name in pair)}
