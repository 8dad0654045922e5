import pytest

from autocompress.system.errors import InputError
from autocompress.tasks.multi_label import refuse_several

SEVERAL = [
    ([["a"], ["b"]], 1),
    (["a", ("b",)], 2),
    (["a", {"b": 1}], 2),
    (["a", "['a', 'b']"], 2),
    (['["a"]', "b"], 1),
    (["a", "[]"], 2),
    (["[1, 0, 1]", "[0, 0, 1]"], 1),
    (["[1 0 1]", "[0 0 1]"], 1),
    (["a", "[a, b]"], 2),
    (["('a', 'b')", "c"], 1),
    (["{'a'}", "c"], 1),
    (["2", "14", "2,14"], 3),
    (["2", "2,14"], 2),
    (["joy", "fear", "joy, fear"], 3),
    (["joy", "fear", "joy|fear"], 3),
    (["joy", "fear", "fear;joy"], 3),
]


@pytest.mark.parametrize(("values", "row"), SEVERAL)
def test_lists_are_named_with_their_row(values, row: int) -> None:
    with pytest.raises(InputError, match=rf"data row {row} has .* not supported yet"):
        refuse_several(values, "f", text_is_a_name=False)


@pytest.mark.parametrize(
    "values",
    [
        ["Sci/Tech", "World"],
        ["[CLS]", "[SEP]"],
        ["(none)", "some"],
        ["rock, pop", "jazz"],
        ["U.S., politics", "sports"],
        ["1.5", "2"],
        [1, 2],
        [None, "a"],
        ["a,", "a"],
        ["{", "["],
    ],
)
def test_names_that_only_look_alike_are_taken(values) -> None:
    refuse_several(values, "f", text_is_a_name=False)


def test_text_is_a_name_where_the_user_says_so() -> None:
    refuse_several(["2", "14", "2,14", "['a']"], "f", text_is_a_name=True)
    with pytest.raises(InputError, match="row 1 has a list"):
        refuse_several([["a"]], "f", text_is_a_name=True)
