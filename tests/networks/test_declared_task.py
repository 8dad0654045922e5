"""What a checkpoint's configuration says of its task, whatever the types of its fields."""

from pathlib import Path
from typing import Any

import pytest
from transformers import BertConfig

from autocompress.networks.checkpoint import Checkpoint
from autocompress.tasks.declared import DeclaredTask

HEAD = ["BertForSequenceClassification"]


@pytest.mark.parametrize(
    ("settings", "declared"),
    [
        ({"architectures": ["BertModel"]}, None),
        ({"architectures": HEAD}, DeclaredTask(2, None, ())),
        ({"architectures": HEAD, "num_labels": 1, "problem_type": "regression"}, DeclaredTask(1, "regression", ())),
        ({"architectures": HEAD, "id2label": {0: "no", 1: "yes"}}, DeclaredTask(2, None, ("no", "yes"))),
        (
            {"architectures": HEAD, "id2label": {1: "b", 0: "a"}, "problem_type": "multi_label_classification"},
            DeclaredTask(2, "multi_label_classification", ("a", "b")),
        ),
        ({"architectures": HEAD, "id2label": {}, "problem_type": 5}, DeclaredTask(None, None, ())),
        ({"architectures": HEAD, "id2label": {0: 5, 7: None}}, DeclaredTask(2, None, ())),
    ],
)
def test_declared_task(settings: dict[str, Any], declared: DeclaredTask | None) -> None:
    tokenizer: Any = None
    assert Checkpoint("folder", BertConfig(**settings), tokenizer, Path()).declared_task == declared
