import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from onnxruntime import InferenceSession
from safetensors.torch import load_file, save_file

from autocompress.distillation.teacher import predict_logits
from autocompress.domain.problem import DataSource, Problem
from autocompress.measurement.stock_models import build_baselines
from autocompress.pipeline.repair import teacher_inputs
from autocompress.preparation import teacher
from autocompress.preparation.inputs import load_inputs, load_start
from autocompress.preparation.teacher import prepare_teacher, save_data
from autocompress.study.prepared import Prepared


def swapped_without_names(state):
    for name in ("classifier.weight", "classifier.bias"):
        state[name] = state[name].flip(0).contiguous()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_the_saved_teacher_is_in_float32_and_in_the_order_that_was_found(
    dtype, trained_checkpoint, tiny_data, tmp_path
):
    folder = tmp_path / "model"
    shutil.copytree(trained_checkpoint, folder)
    state = {name: value.to(dtype) for name, value in load_file(folder / "model.safetensors").items()}
    swapped_without_names(state)
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    config = json.loads((folder / "config.json").read_text()) | {"dtype": str(dtype).removeprefix("torch.")}
    del config["id2label"], config["label2id"]
    (folder / "config.json").write_text(json.dumps(config))
    problem = Problem(str(folder), DataSource(**tiny_data))
    inputs = load_inputs(problem).origin
    assert inputs.order == (1, 0)
    prepared, notes = Prepared(tmp_path / "study"), []
    save_data(prepared, inputs, problem)
    prepare_teacher(prepared, inputs, problem, 1.0, 1.0, notes.append)
    assert prepared.teacher_quality == 1.0
    assert {value.dtype for value in load_file(prepared.checkpoint / "model.safetensors").values()} == {torch.float32}
    saved = json.loads((prepared.checkpoint / "config.json").read_text())
    assert saved["dtype"] == "float32" and saved["id2label"] == {"0": "negative", "1": "positive"}
    again = teacher_inputs(prepared, problem)
    assert again.order == (0, 1)
    outputs = predict_logits(load_start(again), inputs.data.validation, inputs.data.pad_id, exact=True)
    np.testing.assert_allclose(outputs, prepared.validation_outputs, atol=1e-5)


def test_baselines_are_built_from_a_teacher_in_half_precision(trained_checkpoint, tiny_data, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(trained_checkpoint, folder)
    state = {name: value.half() for name, value in load_file(folder / "model.safetensors").items()}
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    config = json.loads((folder / "config.json").read_text()) | {"dtype": "float16"}
    (folder / "config.json").write_text(json.dumps(config))
    problem = Problem(str(folder), DataSource(**tiny_data))
    prepared, inputs = Prepared(tmp_path / "study"), load_inputs(problem).origin
    save_data(prepared, inputs, problem)
    prepare_teacher(prepared, inputs, problem, 1.0, 1.0, lambda event: None)
    stock = build_baselines(prepared.checkpoint, prepared.baselines)
    data = prepared.data
    batch = data.validation.batch(np.arange(8), data.pad_id)
    values = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
    session = InferenceSession(str(stock.fp32))
    feeds = {i.name: values.get(i.name, batch.token_type_ids) for i in session.get_inputs()}
    np.testing.assert_allclose(session.run(None, feeds)[0], prepared.validation_outputs[:8], atol=1e-3)


def test_the_shape_of_a_regression_knows_the_spread_of_its_outputs_and_layers_have_kernels(
    tiny_checkpoint, tiny_data, tmp_path
):
    paths = {}
    for name, path in tiny_data.items():
        with Path(path).open(encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        paths[name] = tmp_path / f"{name}.csv"
        scores = ((row["text"], 20.5 + 50 * (row["label"] == "positive") + i / 7) for i, row in enumerate(rows))
        paths[name].write_text("text,label\n" + "".join(f"{text},{score}\n" for text, score in scores))
    problem = Problem(tiny_checkpoint, DataSource(**{name: str(path) for name, path in paths.items()}))
    prepared, inputs = Prepared(tmp_path / "study"), load_inputs(problem).origin
    assert inputs.data.task.kind == "regression"
    save_data(prepared, inputs, problem)
    prepare_teacher(prepared, inputs, problem, 1.0, 1.0, lambda event: None)
    assert prepared.teacher_shape.output_scale == pytest.approx(prepared.validation_outputs.std(), rel=1e-4)
    assert prepared.teacher_shape.output_scale != 1
    kernel = prepared.source("teacher")[0]["layers.1.attention.kernel"]
    assert kernel.shape == (4, 9) and (kernel >= 0).all() and 0.1 < kernel.sum(1).mean() <= 1


@pytest.mark.parametrize(("minutes", "chosen"), [(3, 0), (15, 1)])
def test_only_a_search_with_the_time_for_it_chooses_a_compensation(
    minutes, chosen, trained_checkpoint, tiny_data, tmp_path, monkeypatch
):
    rows, choose = [], teacher.useful_compensation

    def counted(*arguments):
        rows.append(arguments[-1])
        return choose(*arguments)

    monkeypatch.setattr(teacher, "useful_compensation", counted)
    problem = Problem(str(trained_checkpoint), DataSource(**tiny_data), time_budget_s=60.0 * minutes)
    prepared, inputs = Prepared(tmp_path / "study"), load_inputs(problem).origin
    save_data(prepared, inputs, problem)
    prepare_teacher(prepared, inputs, problem, 1.0, 1.0, lambda event: None)
    assert len(rows) == chosen and prepared.has("teacher")
    assert chosen or (prepared.compensation.uses, prepared.compensation.grams) == (frozenset(), {})
