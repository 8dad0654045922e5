"""Which model students start from and which teaches them: one and the same, unless a large teacher is prepared."""

import pickle
from pathlib import Path

import numpy as np

from autocompress.compression.vocabulary import Vocabulary
from autocompress.domain.shape import EncoderShape
from autocompress.study.prepared import Prepared
from autocompress.study.prepared_files import write_outputs
from autocompress.tasks.encoding import EncodedDataset, EncodedSplit
from autocompress.tasks.task import Task

SHAPE = EncoderShape(1, 6, 1, 6, 60, 16, 2, 2, 6)
RIGHT = np.array([[2, -2], [-2, 2], [2, -2], [-2, 2]], np.float32)


def with_outputs(prepared: Prepared, outputs: np.ndarray) -> Prepared:
    """Four validation texts of the classes 0, 1, 0, 1, and a model's outputs on them."""
    split = EncodedSplit(np.full(4, 5, np.int32), np.zeros(4, np.int8), np.arange(5), np.arange(4) % 2)
    task = Task("classification", ("text",), "label", ("no", "yes"))
    EncodedDataset(split, split, split, task, 0, 1, 60, 16, (0, 1)).save(prepared.data_folder)
    write_outputs(prepared.folder, outputs, Vocabulary(np.arange(60, dtype=np.int32), 1))
    return prepared


def test_without_a_large_teacher_the_origin_teaches(tmp_path: Path):
    prepared = with_outputs(Prepared(tmp_path), RIGHT)
    assert prepared.labeller is prepared and prepared.teaches_itself
    assert np.array_equal(prepared.validation_outputs, prepared.origin_outputs)
    assert prepared.teacher_quality == prepared.origin_quality == prepared.reachable_quality == 1.0


def test_a_large_teacher_says_what_students_learn_and_are_compared_with(tmp_path: Path):
    prepared = Prepared(tmp_path)
    assert prepared.teaches_itself, "as long as the teacher's folder is not there"
    half = with_outputs(prepared, RIGHT[[0, 0, 2, 2]])
    large = with_outputs(prepared.large_teacher, RIGHT)
    assert half.labeller is large and not half.teaches_itself and large.labeller is large and large.only_labels
    assert half.teacher_quality == 1.0 and half.origin_quality == half.reachable_quality == 0.5
    assert np.array_equal(half.validation_outputs, RIGHT)
    assert not np.array_equal(half.origin_outputs, RIGHT)


def test_pickling_sends_paths_alone(tmp_path: Path):
    prepared = with_outputs(Prepared(tmp_path), RIGHT)
    large = with_outputs(prepared.large_teacher, RIGHT)
    assert prepared.data is not None and large.data is not None
    for one in (prepared, large):
        again = pickle.loads(pickle.dumps(one))  # noqa: S301
        assert again == one and "data" not in vars(again)
