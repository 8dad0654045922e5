"""What a search prepares agrees with the teacher: its labels, its exits and what is cut from it."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import autocompress
from autocompress.distillation.student_texts import StudentTexts
from autocompress.distillation.transfer import TransferSet
from autocompress.evaluation.compile import Compiled, serialise
from autocompress.evaluation.cut import cut_weights, source_of
from autocompress.preparation import labelling, super_networks
from autocompress.preparation.labelling import teacher_outputs
from autocompress.preparation.narrow_teachers import narrow_sizes, prepare_narrow_teachers
from autocompress.preparation.surrogate import exit_confidences, exit_designs, layer_outputs, surrogate_of
from autocompress.preparation.training_time import needed_shares, time_shares
from autocompress.students import STUDENTS
from autocompress.students.cnn.configuration import CNNConfiguration
from autocompress.students.configuration import configuration_digest
from autocompress.students.exit_policies import EXIT_POLICIES
from autocompress.students.transformer.configuration import ExitConfiguration, TransformerConfiguration
from autocompress.study.prepared import Prepared
from autocompress.study.prepared_files import TEACHER
from autocompress.study.reuse import damaged
from autocompress.tasks.metrics import metric_of, unexplained
from search_spaces import SEARCH_SPACES

pytestmark = pytest.mark.usefixtures("short_searches")


def test_the_teachers_8_bit_file_labels_texts_as_the_teacher_does(study: autocompress.Study, monkeypatch):
    prepared, notes = Prepared(study.folder), []
    exact, validation = prepared.validation_outputs, prepared.data.validation
    quick = teacher_outputs(prepared, validation, notes.append)
    assert 0 < unexplained(quick.logits, exact) < labelling.UNEXPLAINED
    assert quick.hidden is not None and len(quick.hidden.values) == len(validation)
    assert not [event for event in notes if event.kind == "note"]
    monkeypatch.setattr(labelling, "UNEXPLAINED", 0.0)
    slow = teacher_outputs(prepared, validation, notes.append)
    assert "labelled in PyTorch" in next(event.message for event in notes if event.kind == "note")
    assert unexplained(slow.logits, exact) < 1e-3 and slow.hidden is None
    assert not np.array_equal(slow.logits, quick.logits)


def test_labelling_ends_when_its_time_is_over(study: autocompress.Study, monkeypatch):
    prepared, notes = Prepared(study.folder), []
    validation, exact = prepared.data.validation, prepared.validation_outputs
    monkeypatch.setattr(labelling, "CHUNK", 50)
    quick = teacher_outputs(prepared, validation, notes.append, enough=lambda labelled: labelled >= 50)
    assert quick.hidden is not None and len(quick.logits) == len(quick.hidden.values) == 50
    assert unexplained(quick.logits, exact[:50]) < labelling.UNEXPLAINED
    monkeypatch.setattr(labelling, "UNEXPLAINED", 0.0)
    assert len(teacher_outputs(prepared, validation, notes.append, enough=lambda labelled: True).logits) == 50
    assert len(teacher_outputs(prepared, validation, notes.append).logits) == 120


def test_how_sure_exits_are_is_read_from_the_super_network(study: autocompress.Study):
    found = [exit_confidences(Prepared(study.folder), batch_size) for batch_size in (1, 2)]
    single, pairs = (scores.at(EXIT_POLICIES["confidence"], (0, 1)) for scores in found)
    assert single.shape == (2, 120) and pairs.shape == (2, 60)
    assert (single >= 0.5).all() and (single <= 1.0).all()
    assert np.array_equal(pairs, np.minimum(single[:, ::2], single[:, 1::2]))


def test_lower_layers_and_exits_are_cut_from_the_teacher_and_answer_as_its_heads_do(study: autocompress.Study):
    prepared = Prepared(study.folder)
    shape, data, outputs = prepared.teacher_shape, prepared.data, layer_outputs(prepared)
    assert outputs.shape == (2, 120, 2) and np.array_equal(outputs[1], prepared.validation_outputs)
    lower = TransformerConfiguration.uniform(shape, 32, layers=(0,))
    with_exit = TransformerConfiguration.uniform(shape, 32, exit=ExitConfiguration((0,), 0.5))
    for configuration in (lower, with_exit):
        assert source_of(prepared, configuration) == TEACHER
        arrays, _ = cut_weights(prepared, configuration)
        found = Compiled(prepared, serialise(prepared, arrays, shape, configuration)).outputs(data.validation)
        assert unexplained(found, outputs[0]) < 0.02
    for elsewhere in (
        TransformerConfiguration.uniform(shape, layers=(1,)),
        TransformerConfiguration.uniform(shape, layers=(0,), hidden_size=shape.hidden_size // 2),
    ):
        assert source_of(prepared, elsewhere) == "transformer"


def test_exit_designs_are_measured_after_the_spaces_own(study: autocompress.Study):
    prepared = Prepared(study.folder)
    designs = exit_designs(prepared, 1)
    assert designs and all(source_of(prepared, design) == TEACHER for design in designs)
    measured = {result.digest for result in study.store.results()}
    assert {configuration_digest(design) for design in designs[:1]} <= measured


def test_narrow_sub_networks_are_cut_from_the_teacher_at_that_size(study: autocompress.Study, tmp_path: Path):
    shutil.copytree(study.folder, tmp_path / "study")
    prepared, notes, problem = Prepared(tmp_path / "study"), [], study.store.problem
    shape, validation = prepared.teacher_shape, prepared.data.validation
    space = SEARCH_SPACES["joint"](shape)
    narrow = TransformerConfiguration.uniform(shape, hidden_size=32)
    assert narrow_sizes(prepared, space) == (32,) and narrow_sizes(prepared, SEARCH_SPACES["precision"](shape)) == ()
    prepare_narrow_teachers(prepared, space, problem, 1.0, prepared.has, notes.append)
    assert source_of(prepared, narrow) == "transformer" and not notes
    prepare_narrow_teachers(prepared, space, problem, 100.0, prepared.has, notes.append)
    assert "hidden size of 32" in notes[0].message and damaged(prepared) == {}
    lower = TransformerConfiguration.uniform(shape, hidden_size=32, layers=(0,), num_attention_heads=2)
    with_exit = TransformerConfiguration.uniform(shape, hidden_size=32, exit=ExitConfiguration((0,), 0.5))
    for configuration in (narrow, lower, with_exit):
        assert source_of(prepared, configuration) == "teacher_32"
        arrays, _ = cut_weights(prepared, configuration)
        found = Compiled(prepared, serialise(prepared, arrays, shape, configuration)).outputs(validation)
        assert metric_of(prepared.data.task, found, validation.labels) > prepared.teacher_quality - 0.1
    upper = TransformerConfiguration.uniform(shape, hidden_size=32, layers=(1,))
    assert source_of(prepared, upper) == "transformer"
    surrogate_of(problem, prepared, space)
    prepare_narrow_teachers(prepared, space, problem, 100.0, prepared.has, notes.append)
    assert len(notes) == 1


def test_the_outputs_of_a_part_of_a_super_network_are_those_of_its_file(study: autocompress.Study):
    prepared = Prepared(study.folder)
    data, (arrays, shape) = prepared.data, prepared.source("cnn")
    cnn = CNNConfiguration(48, 64, 1, 3, 300, weight_bits=32, embedding_bits=32)
    transfer = TransferSet(data.validation, prepared.validation_outputs, 120, data.pad_id, data.unknown_id)
    network = STUDENTS["cnn"].network(shape, arrays).eval()
    found = StudentTexts(transfer, prepared.vocabulary).outputs(network, cnn)
    file = Compiled(prepared, serialise(prepared, cut_weights(prepared, cnn)[0], shape, cnn))
    np.testing.assert_allclose(found, file.outputs(data.validation), atol=1e-4)


def test_what_a_cheap_student_learns_at_once_decides_how_long_the_encoder_trains(
    study: autocompress.Study, tmp_path: Path, monkeypatch
):
    shutil.copytree(study.folder, tmp_path / "study")
    prepared, problem, told = Prepared(tmp_path / "study"), study.store.problem, list[str]()
    students = ("transformer", "bilstm", "cnn")
    for student in students:
        (prepared.folder / f"{student}.safetensors").unlink(missing_ok=True)
    monkeypatch.setattr(super_networks, "LONG_S", 0.0)
    space = SEARCH_SPACES["joint"](prepared.teacher_shape)
    super_networks.prepare_super_networks(
        prepared, space, problem, 9.0, lambda event: told.append(event.message) if event.kind == "note" else None
    )
    assert all(prepared.has(student) for student in students)
    learnt, kept = (
        int(percent) for percent in re.findall(r"(\d+)%", next(note for note in told if "explains" in note))
    )
    shares = needed_shares(time_shares(students, pair=False), learnt / 100)
    assert "a bilstm explains" in " ".join(told) and 0 <= learnt <= 100
    assert kept == pytest.approx(100 * shares["transformer"] / sum(shares.values()), abs=1.0)
