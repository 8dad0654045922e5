import json

import pytest

from autocompress.system.errors import InputError
from autocompress.tasks.task import Task

TASKS = [
    Task("classification", ("text",), "label", ("no", "yes", "perhaps")),
    Task("classification", ("sentence1", "sentence2"), "label", ("0", "1")),
    Task("regression", ("sentence1", "sentence2"), "score", ()),
]


@pytest.mark.parametrize("task", TASKS)
def test_json_gives_the_equal_task_back(task: Task) -> None:
    assert Task.from_json(json.loads(json.dumps(task.to_json()))) == task


def test_properties_by_hand() -> None:
    assert [task.pair for task in TASKS] == [False, True, True]
    assert [task.num_outputs for task in TASKS] == [3, 2, 1]
    assert [task.metric for task in TASKS] == ["accuracy", "accuracy", "pearson"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (("ranking", ("text",), "label", ("a", "b")), "kind of a task"),
        (("classification", (), "label", ("a", "b")), "one text column or two"),
        (("classification", ("a", "b", "c"), "label", ("a", "b")), "one text column or two"),
        (("classification", ("text",), "label", ("a",)), "two or more different classes"),
        (("classification", ("text",), "label", ("a", "b", "a")), "two or more different classes"),
        (("regression", ("text",), "label", ("a", "b")), "no classes"),
    ],
)
def test_impossible_tasks_are_refused(values, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Task(*values)


@pytest.mark.parametrize("data", [{}, {"kind": "regression", "text_columns": 3, "label_names": []}])
def test_foreign_json_is_refused(data) -> None:
    with pytest.raises(InputError, match="not a Task"):
        Task.from_json(data)
