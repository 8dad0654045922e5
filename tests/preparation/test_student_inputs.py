"""A student checkpoint beside its teacher: two tokenizers encode the same rows, and each checkpoint is checked."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from autocompress.domain.problem import DataSource, Problem
from autocompress.preparation import inputs as module
from autocompress.preparation.inputs import Inputs, encoder_parameters, load_inputs, load_start
from autocompress.study.prepared import Prepared
from autocompress.system.errors import InputError


def texts_of(inputs: Inputs, split: str) -> list[str]:
    rows = inputs.data.splits[split]
    ids = np.split(rows.tokens, rows.offsets[1:-1])
    return [inputs.checkpoint.tokenizer.decode(row, skip_special_tokens=True) for row in ids]


def rows_of(path: str) -> dict[str, int]:
    """The label of each text of a file."""
    with Path(path).open(encoding="utf-8") as stream:
        return {row["text"]: int(row["label"] == "positive") for row in csv.DictReader(stream)}


def test_row_i_is_the_same_text_in_both(
    tiny_mpnet: str, tiny_checkpoint: str, tiny_data: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "TRAIN_ROWS_PER_SECOND", 1.0)
    monkeypatch.setattr(module, "FEWEST_ROWS", 60)
    problem = Problem(tiny_mpnet, DataSource(**tiny_data), time_budget_s=120.0, student=tiny_checkpoint)
    found = load_inputs(problem)
    teacher, origin = found.teacher, found.origin
    assert teacher is not None and teacher.checkpoint.reference == tiny_mpnet
    assert origin.checkpoint.reference == tiny_checkpoint
    assert [len(split) for split in origin.data.splits.values()] == [120, 120, 120], "fewer rows are drawn to train"
    for name, path in tiny_data.items():
        labels, ours = rows_of(path), origin.data.splits[name].labels
        texts = texts_of(teacher, name)
        assert [labels[text] for text in texts] == ours.tolist() == teacher.data.splits[name].labels.tolist()
        assert [text.rpartition(" ")[0] for text in texts] == texts_of(origin, name), "it does not know the numbers"
    assert not np.array_equal(teacher.data.train.lengths, origin.data.train.lengths)
    alone = load_inputs(Problem(tiny_mpnet, DataSource(**tiny_data), time_budget_s=120.0))
    assert alone.teacher is None and alone.origin.data.digest == teacher.data.digest
    folder = Prepared(Path("study"))
    assert found.of(folder) is origin and found.of(folder.large_teacher) is teacher
    assert alone.of(folder) is alone.origin


def test_the_notes_tell_of_both_checkpoints(tiny_mpnet: str, tiny_checkpoint: str, tiny_data: dict[str, str]):
    found = load_inputs(Problem(tiny_mpnet, DataSource(**tiny_data), student=tiny_checkpoint))
    first, *notes = found.origin.data.notes
    assert first == (
        f"students start from {tiny_checkpoint} (0.0 million weights in its layers) and learn from {tiny_mpnet} "
        f"(0.1 million)"
    )
    assert found.teacher is not None and tuple(notes[: len(found.teacher.data.notes)]) == found.teacher.data.notes
    own = notes[len(found.teacher.data.notes) :]
    assert own and all(note.startswith("student checkpoint: ") for note in own)
    assert any("of the training words are unknown" in note for note in own), "the numbers"
    assert "a head is fitted on the training data first" in own[-1]


def test_the_head_of_a_student_checkpoint_is_fitted_anew(
    trained_checkpoint: str, tiny_mpnet: str, tiny_data: dict[str, str]
):
    found = load_inputs(Problem(tiny_mpnet, DataSource(**tiny_data), student=trained_checkpoint)).origin
    assert found.order is None and "the head of a student checkpoint is not kept" in found.data.notes[-1]
    assert load_start(found).config.num_labels == 2


def test_rows_are_limited_by_the_larger_of_both(
    tiny_checkpoint: str, tiny_mpnet: str, tiny_data: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    asked: list[int] = []
    limits = module.row_limits
    monkeypatch.setattr(module, "row_limits", lambda s, parameters, m: asked.append(parameters) or limits(s, 1, m))
    for model, student in ((tiny_mpnet, tiny_checkpoint), (tiny_checkpoint, tiny_mpnet)):
        found = load_inputs(Problem(model, DataSource(**tiny_data), student=student))
        both = [encoder_parameters(one.checkpoint) for one in (found.origin, found.teacher) if one is not None]
        assert asked.pop() == max(both)
    assert "which is not larger" in found.origin.data.notes[0]


def test_the_demos_checkpoint_has_a_name(tiny_checkpoint: str, tiny_data: dict[str, str]):
    found = load_inputs(Problem(tiny_checkpoint, DataSource(**tiny_data), student="demo"))
    assert found.origin.checkpoint.config.hidden_size == 384 and found.teacher is not None


@pytest.mark.parametrize(
    ("student", "message"),
    [("the model itself", "must be another than the model that teaches"), ("nowhere at all", "nowhere at all")],
)
def test_a_student_checkpoint_that_cannot_be_used_is_refused(
    student: str, message: str, tiny_checkpoint: str, tiny_data: dict[str, str]
):
    asked = tiny_checkpoint if student == "the model itself" else student
    with pytest.raises(InputError, match=message):
        load_inputs(Problem(tiny_checkpoint, DataSource(**tiny_data), student=asked))
