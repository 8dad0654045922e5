from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from measured_parts import random_rows

from autocompress.artifact.session import Session
from autocompress.domain.problem import Target
from autocompress.measurement.baselines import BASELINE_NAMES, checkpoint_bytes, measure_baselines
from autocompress.measurement.inference import predict
from autocompress.measurement.pytorch_worker import PyTorchModel, load_pretrained
from autocompress.system.errors import MeasurementError
from autocompress.tasks.batching import pad_rows
from autocompress.tasks.task import Task

SENTIMENT = Task("classification", ("text",), "label", ("negative", "positive"))


def test_attention_is_fused_and_int8_is_a_quarter(stock):
    assert stock.fused["Attention"] == 6
    assert stock.fused["BiasGelu"] == 6
    operators = {node.op_type for node in onnx.load(str(stock.int8)).graph.node}
    assert {"QAttention", "DynamicQuantizeLinear"} <= operators
    assert stock.int8.stat().st_size < 0.26 * stock.fp32.stat().st_size


def test_outputs_agree_with_pytorch(stock):
    rows = random_rows(12, vocabulary=30_000)
    reference = load_pretrained(str(stock.teacher_folder))
    request = pad_rows(rows, np.arange(12), 0)
    with torch.inference_mode():
        expected = reference(**{name: torch.from_numpy(array) for name, array in request.items()}).logits.numpy()
    fp32 = predict(Session(stock.fp32), rows, 5, 0)
    np.testing.assert_allclose(fp32, expected, atol=1e-3)
    np.testing.assert_allclose(
        predict(PyTorchModel(str(stock.teacher_folder), 1), rows, 5, 0, by_length=True), expected, atol=1e-3
    )
    int8 = predict(Session(stock.int8), rows, 1, 0)
    assert np.corrcoef(int8.ravel(), expected.ravel())[0, 1] > 0.95


def test_figures_of_all_three(stock, request_file, brief):
    data: Any = SimpleNamespace(task=SENTIMENT, validation=random_rows(40, 1, 30_000), pad_id=0)
    baselines = measure_baselines(stock, data, request_file, Target(), brief)
    assert tuple(baseline.name for baseline in baselines) == BASELINE_NAMES
    figures = {baseline.name: baseline.figures for baseline in baselines}
    assert figures["pytorch-fp32"].size_bytes == (stock.teacher_folder / "model.safetensors").stat().st_size
    assert figures["onnxruntime-int8"].memory_bytes < figures["onnxruntime-fp32"].memory_bytes
    assert figures["onnxruntime-fp32"].memory_bytes < figures["pytorch-fp32"].memory_bytes
    assert figures["onnxruntime-fp32"].validation.value == figures["pytorch-fp32"].validation.value
    assert all(one.test is None and one.validation.count == 40 and one.latency_ms.mean > 0 for one in figures.values())


def test_a_folder_without_weights_is_refused(tmp_path):
    with pytest.raises(MeasurementError, match=r"model\.safetensors"):
        checkpoint_bytes(tmp_path)
