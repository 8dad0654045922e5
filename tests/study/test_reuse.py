"""What decides prepared weights, and whose weights are used again."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from autocompress.compression.vocabulary import Vocabulary
from autocompress.distillation.layer_heads import NO_HEADS
from autocompress.domain.problem import Problem
from autocompress.domain.shape import EncoderShape
from autocompress.students.transformer.compensation import Compensation
from autocompress.study.prepared import Prepared
from autocompress.study.prepared_files import (
    TEACHER,
    TRANSFER,
    write_compensation,
    write_layer_heads,
    write_outputs,
    write_source,
    write_transfer,
)
from autocompress.study.reuse import DISTILLED_FORMAT, TEACHER_FORMAT, content_key, damaged, remember, reuse
from autocompress.system.events import Event
from autocompress.system.files import write_sealed
from autocompress.tasks.encoding import EncodedDataset, EncodedSplit
from autocompress.tasks.task import Task

SHAPE = EncoderShape(1, 6, 1, 6, 60, 16, 2, 2, 6)
SPLIT = EncodedSplit(np.full(4, 5, np.int32), np.zeros(4, np.int8), np.arange(5), np.arange(4) % 2)
DATA = EncodedDataset(SPLIT, SPLIT, SPLIT, Task("classification", ("a",), "label", ("no", "yes")), 0, 1, 60, 16, (0, 1))
PROBLEM = Problem(model="m", seed=3)


def model(prepared: Prepared, digest: str) -> Prepared:
    """Data and a model as if they were prepared."""
    DATA.save(prepared.data_folder)
    write_sealed(prepared.data_folder / "model.json", {"digest": digest})
    write_outputs(prepared.folder, np.zeros((4, 2), np.float32), Vocabulary(np.arange(60, dtype=np.int32), 1))
    write_compensation(prepared.folder, Compensation({}, frozenset()))
    write_source(prepared.folder, TEACHER, {"embeddings.word": np.zeros((60, 6), np.float32)}, SHAPE)
    prepared.checkpoint.mkdir()
    (prepared.checkpoint / "config.json").write_text(digest)
    return prepared


def distilled(folder: Path, origin: str, teacher: str) -> Prepared:
    """A study with a student checkpoint, in which all but super-networks is prepared."""
    model(Prepared(folder).large_teacher, teacher)
    prepared = model(Prepared(folder), origin)
    write_transfer(prepared.folder, SPLIT, np.zeros((4, 2), np.float32), None, 4)
    write_layer_heads(prepared.folder, NO_HEADS)
    for one, source in ((prepared.large_teacher, TEACHER), (prepared, TEACHER), (prepared, TRANSFER)):
        remember(one, source, PROBLEM)
    return prepared


def test_keys_of_studies_without_a_student_checkpoint_are_those_of_before(tmp_path: Path):
    prepared = model(Prepared(tmp_path / "plain"), "d")
    numbers = {TEACHER: TEACHER_FORMAT, TRANSFER: DISTILLED_FORMAT, "cnn": DISTILLED_FORMAT}
    for source, number in numbers.items():
        space = "joint" if source == "cnn" else None
        deciding = {"format": number, "source": source, "model": "d", "data": DATA.digest, "seed": 3}
        deciding |= {"time_budget_s": 900.0, "space": space, "accept_teacher": False}
        expected = hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()
        assert content_key(prepared, source, PROBLEM) == expected


def test_a_large_teacher_decides_what_is_distilled_from_it(tmp_path: Path):
    plain, studies = model(Prepared(tmp_path / "plain"), "d"), [("d", "big"), ("d", "huge"), ("e", "big")]
    others = [distilled(tmp_path / f"{origin}-{teacher}", origin, teacher) for origin, teacher in studies]
    for source in (TRANSFER, "cnn"):
        assert len({content_key(one, source, PROBLEM) for one in (plain, *others)}) == 4
    origins = [content_key(one, TEACHER, PROBLEM) for one in (plain, *others)]
    assert origins[1] == origins[2] and len(set(origins)) == 3, "an origin is fine-tuned whoever teaches afterwards"
    large = [content_key(one.large_teacher, TEACHER, PROBLEM) for one in others]
    assert large[0] == large[2] != large[1]
    assert content_key(model(Prepared(tmp_path / "alone"), "big"), TEACHER, PROBLEM) not in large, "nothing is cut"


def test_two_student_checkpoints_share_their_teacher(tmp_path: Path):
    distilled(tmp_path / "first", "d", "big")
    new, heard = Prepared(tmp_path / "second"), list[Event]()
    for prepared, digest in ((new.large_teacher, "big"), (new, "e")):
        DATA.save(prepared.data_folder)
        write_sealed(prepared.data_folder / "model.json", {"digest": digest})
    assert reuse(new.large_teacher, TEACHER, PROBLEM, heard.append)
    assert "prepared for study first/teacher are used again" in heard[0].message
    assert new.large_teacher.has(TEACHER) and not damaged(new.large_teacher)
    assert not reuse(new, TEACHER, PROBLEM, heard.append) and not reuse(new, TRANSFER, PROBLEM, heard.append)
    assert not reuse(new.large_teacher, TEACHER, replace(PROBLEM, seed=4), heard.append)


def test_a_study_like_another_uses_all_of_it_again(tmp_path: Path):
    distilled(tmp_path / "first", "d", "big")
    new = Prepared(tmp_path / "second")
    for prepared, digest in ((new.large_teacher, "big"), (new, "d")):
        DATA.save(prepared.data_folder)
        write_sealed(prepared.data_folder / "model.json", {"digest": digest})
    for prepared, source in ((new.large_teacher, TEACHER), (new, TEACHER), (new, TRANSFER)):
        assert reuse(prepared, source, PROBLEM, lambda event: None)
