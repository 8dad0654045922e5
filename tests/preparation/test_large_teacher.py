"""A large teacher labels the texts of students with another tokenizer; transformers on the texts is the oracle."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from synthetic_study import make_figures
from tokenizers import Tokenizer
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from autocompress.domain.problem import DataSource, Problem, Target
from autocompress.evaluation.trial import TrialEvaluator
from autocompress.measurement.requests import REQUEST_COUNT, read_requests
from autocompress.measurement.stock_models import FP32, INT8, STUDENT_INT8
from autocompress.pipeline.baselines import prepare_baselines
from autocompress.pipeline.refine import _gains_nothing, _hope
from autocompress.pipeline.selection import HOPE, NEAR_HOPE
from autocompress.pipeline.teacher import fine_tuning_shares
from autocompress.preparation import labelling
from autocompress.preparation import readings as readings_module
from autocompress.preparation.inputs import load_inputs
from autocompress.preparation.surrogate import exit_designs, layer_outputs
from autocompress.preparation.teacher import prepare_teacher, save_data
from autocompress.preparation.transfer_set import prepare_transfer
from autocompress.students.transformer.configuration import TransformerConfiguration
from autocompress.study.baselines import read_baselines, read_teacher_quality
from autocompress.study.prepared import Prepared
from autocompress.study.prepared_files import TEACHER, TRANSFER
from autocompress.study.results import TrialResult
from autocompress.system.events import Event
from autocompress.tasks.dataset import TextSplit
from autocompress.tasks.encoding import EncodedSplit
from autocompress.tasks.metrics import metric_of, unexplained
from autocompress.tasks.reading import joined

AUGMENTED = 300


@pytest.fixture(scope="module")
def problem(tiny_mpnet: str, tiny_checkpoint: str, tiny_data: dict[str, str]) -> Problem:
    return Problem(tiny_mpnet, DataSource(**tiny_data), student=tiny_checkpoint)


@pytest.fixture(scope="module")
def prepared(problem: Problem, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Both models, fine-tuned, and the transfer set."""
    found, inputs = Prepared(tmp_path_factory.mktemp("study")), load_inputs(problem)
    models = found.models_of(problem)
    for model in models:
        save_data(model, inputs.of(model), problem)
    for model in models:
        prepare_teacher(model, inputs.of(model), problem, 15.0, 15.0, lambda event: None)
    prepare_transfer(found, problem, AUGMENTED, lambda labelled: False, lambda event: None)
    return found


def transformers_logits(folder: Path, texts: list[str]) -> np.ndarray:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        return model(**tokenizer(texts, padding=True, return_tensors="pt")).logits.numpy()


def texts_of(path: str) -> list[str]:
    with Path(path).open(encoding="utf-8") as stream:
        return [row["text"] for row in csv.DictReader(stream)]


def read_by_students(prepared: Prepared) -> list[str]:
    """The texts of the transfer set, as transformers decodes what students read."""
    tokenizer, split = AutoTokenizer.from_pretrained(prepared.checkpoint), prepared.transfer.split
    return [tokenizer.decode(row, skip_special_tokens=True) for row in np.split(split.tokens, split.offsets[1:-1])]


def test_both_models_are_prepared_and_nothing_is_cut_from_the_teacher(prepared: Prepared):
    large = prepared.large_teacher
    assert prepared.labeller is large and large.has(TEACHER) and prepared.has(TEACHER) and prepared.has(TRANSFER)
    assert large.teacher_shape.hidden_size == 64 and prepared.teacher_shape.hidden_size == 48
    assert not large.compensation.grams and not large.has(TRANSFER)
    assert not (prepared.large_teacher.study_folder / "teacher").exists()
    assert prepared.teacher_quality == large.teacher_quality


def test_training_texts_have_the_labels_that_the_teacher_gives_to_them(
    prepared: Prepared, problem: Problem, tiny_data: dict[str, str]
):
    order = np.random.default_rng(problem.seed).permutation(400)
    texts = [texts_of(tiny_data["train"])[row] for row in order]
    expected = transformers_logits(prepared.large_teacher.checkpoint, texts)
    transfer = prepared.transfer
    assert transfer.labelled == 400 and transfer.hidden is not None
    assert unexplained(transfer.targets[:400], expected) < labelling.UNEXPLAINED
    words = [text.rpartition(" ")[0] for text in texts]
    assert read_by_students(prepared)[:400] == words, "the numbers are unknown to students"
    assert np.array_equal(transfer.split.labels[:400], prepared.data.train.labels[order])
    other = transformers_logits(prepared.checkpoint, texts)
    assert unexplained(transfer.targets[:400], other) > 2 * labelling.UNEXPLAINED, "not those of the student checkpoint"


def test_augmented_texts_have_the_labels_that_the_teacher_gives_to_what_students_read(prepared: Prepared):
    texts = read_by_students(prepared)[400:]
    assert len(texts) == AUGMENTED and len(set(texts)) > 0.9 * AUGMENTED
    expected = transformers_logits(prepared.large_teacher.checkpoint, texts)
    assert unexplained(prepared.transfer.targets[400:], expected) < labelling.UNEXPLAINED


def test_heads_after_the_origins_layers_learn_from_the_teacher(prepared: Prepared):
    outputs = prepared.layer_heads.outputs
    assert outputs.shape == (1, 120, 2)
    found = layer_outputs(prepared)
    assert np.array_equal(found[-1], prepared.origin_outputs)
    data = prepared.data
    assert metric_of(data.task, outputs[0], data.validation.labels) > 0.65
    assert unexplained(outputs[0], prepared.validation_outputs) < 0.85
    designs = exit_designs(prepared, 1)
    assert designs and all(len(design.layers) <= 2 for design in designs)


def test_without_an_8_bit_file_pytorch_reads_the_teachers_tokens(
    prepared: Prepared, problem: Problem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):

    shutil.copytree(prepared.study_folder, tmp_path / "copy")
    copy, heard = Prepared(tmp_path / "copy"), list[Event]()
    monkeypatch.setattr(labelling, "UNEXPLAINED", 0.0)
    prepare_transfer(copy, problem, AUGMENTED, lambda labelled: False, heard.append)
    assert any("labelled in PyTorch" in event.message for event in heard)
    expected = transformers_logits(copy.large_teacher.checkpoint, read_by_students(copy)[400:])
    assert unexplained(copy.transfer.targets[400:], expected) < 1e-3
    assert not Prepared(copy.study_folder).layer_heads.arrays


def test_request_i_of_a_baseline_is_the_text_of_a_trials(prepared: Prepared):
    models = (prepared, prepared.large_teacher)
    tokenizers = [AutoTokenizer.from_pretrained(model.checkpoint) for model in models]
    ours, theirs = (read_requests(model.requests) for model in models)
    assert len(ours) == len(theirs) == REQUEST_COUNT
    for own, other in zip(ours, theirs, strict=True):
        texts = [
            tokenizer.decode(request["input_ids"][0], skip_special_tokens=True)
            for tokenizer, request in zip(tokenizers, (own, other), strict=True)
        ]
        assert texts[0] == texts[1].rpartition(" ")[0], "but for the number, which students do not know"


def test_the_baselines_are_the_teacher_and_the_student_checkpoint_in_8_bits(prepared: Prepared):
    heard: list[Event] = []
    stock, known = prepare_baselines(TrialEvaluator(prepared, Target()), heard.append)
    assert [event.message for event in heard] == []
    assert (
        [one.name for one in known]
        == [FP32, INT8, STUDENT_INT8]
        == [b.name for b in read_baselines(prepared.study_folder)]
    )
    assert stock.teacher_folder == prepared.large_teacher.checkpoint and stock.student is not None
    qualities = {one.name: one.figures.validation.value for one in known}
    assert qualities[FP32] == pytest.approx(prepared.teacher_quality, abs=1e-9)
    assert abs(qualities[STUDENT_INT8] - prepared.origin_quality) < 0.06
    assert {one.name: one.figures.size_bytes for one in known} == {
        FP32: stock.fp32.stat().st_size,
        INT8: stock.int8.stat().st_size,
        STUDENT_INT8: stock.student.int8.stat().st_size,
    }
    assert read_teacher_quality(prepared.study_folder) == prepared.teacher_quality


def test_texts_are_read_when_they_are_asked_for(prepared: Prepared, monkeypatch: pytest.MonkeyPatch):
    """Real texts are rows of each model's own split; only as many augmented ones are decoded as are read."""
    order, train = np.arange(400)[::-1], prepared.data.train
    counts: list[int] = []
    decode = readings_module.decoded

    def counted(split: EncodedSplit, tokenizer: Tokenizer, *, pair: bool) -> TextSplit:
        counts.append(len(split))
        return decode(split, tokenizer, pair=pair)

    monkeypatch.setattr(readings_module, "decoded", counted)
    split = joined(train.subset(order), train.subset(np.arange(30)))
    both = readings_module.readings(prepared, split, order)
    for texts, model in zip(both, (prepared, prepared.labeller), strict=True):
        assert len(texts) == 430
        some = texts.subset(np.array([0, 399, 400, 429]))
        expected = model.data.train.subset([399, 0])
        assert np.array_equal(some.tokens[: len(expected.tokens)], expected.tokens)
        assert len(some) == 4 and some.labels.tolist() == [*expected.labels, *train.labels[[0, 29]]]
    assert counts == [2, 2]


def test_refining_the_student_checkpoint_itself_has_something_to_gain(prepared: Prepared, tmp_path: Path):
    """Where it is the teacher too, nothing is hoped of its own unchanged layers."""
    shutil.copytree(prepared.study_folder, tmp_path / "alone", ignore=shutil.ignore_patterns("teacher"))
    whole = TransformerConfiguration.uniform(prepared.teacher_shape)
    for one, gains, hope in ((prepared, True, HOPE), (Prepared(tmp_path / "alone"), False, NEAR_HOPE)):
        run: Any = SimpleNamespace(prepared=one)
        poor, good = (TrialResult(0, 0, whole, make_figures(quality)) for quality in (0.3, one.teacher_quality))
        assert _gains_nothing(run, poor) is not gains and _gains_nothing(run, good)
        assert _hope(run, lambda result: HOPE, poor) == hope


def test_the_time_to_fine_tune_is_shared_by_size(
    problem: Problem, trained_mpnet: str, tiny_checkpoint: str, tiny_data: dict[str, str]
):
    found = load_inputs(problem)
    assert found.teacher is not None
    large, small = fine_tuning_shares([found.teacher, found.origin])
    assert large + small == pytest.approx(1.0) and large / small == pytest.approx(98304 / 36864)
    ready = load_inputs(Problem(trained_mpnet, DataSource(**tiny_data), student=tiny_checkpoint))
    assert ready.teacher is not None and fine_tuning_shares([ready.teacher, ready.origin]) == [0.0, 1.0]
    assert fine_tuning_shares([ready.teacher]) == [0.0]
