"""Measuring finalists together, with real processes and a graph that sums token ids."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest

from autocompress.domain.problem import Target
from autocompress.measurement.protocol import LatencyProtocol
from autocompress.measurement.requests import draw_requests, write_requests
from autocompress.measurement.stock_models import FP32, INT8, STUDENT_INT8, StockModels, stock_models
from autocompress.pipeline.remeasure import Remeasured, Remeasurer
from autocompress.system.events import Event
from autocompress.tasks.encoding import EncodedSplit
from tests.measurement.measured_parts import random_rows, tiny_model

BRIEF = LatencyProtocol(min_requests=20, min_seconds=0.0, warmup_max_seconds=0.1, repeats=0, rounds=1)


def split(rows: int) -> EncodedSplit:
    made = random_rows(rows)
    return EncodedSplit(made.tokens, made.type_ids, made.offsets, made.labels)


class Parts:
    """Two stock models without a checkpoint, and the parts of an evaluator that measuring reads."""

    def __init__(self, folder: Path):
        self.folder, self.heard = folder, list[str]()
        self.data: Any = SimpleNamespace(validation=split(5), test=split(7), pad_id=0)
        write_requests(folder / "requests.npz", draw_requests(self.data.validation, batch_size=1, pad_id=0, count=5))
        prepared = SimpleNamespace(data=self.data, requests=folder / "requests.npz")
        prepared.labeller = prepared
        self.evaluator: Any = SimpleNamespace(target=Target(), prepared=prepared)
        self.stock: StockModels = stock_models(folder / "no checkpoint", folder)
        for path in (self.stock.fp32, self.stock.int8):
            path.parent.mkdir()
            self.model(path)

    def model(self, path: Path, content: bytes | None = None) -> Path:
        path.write_bytes(tiny_model().SerializeToString() if content is None else content)
        return path

    def measure(self, files: dict[str, Path], tested: tuple[str, ...] = ()) -> Remeasured:
        remeasurer = Remeasurer(self.evaluator, self.stock, {FP32: 7}, tested, self.hear)
        return remeasurer.measure(files, BRIEF, planned_s=0.0)

    def hear(self, event: Event) -> None:
        self.heard.append(event.message)


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return Parts(tmp_path)


def test_each_file_is_timed_and_predicts_the_test_split_where_it_has_not(parts: Parts):
    measured = parts.measure({"trial-3": parts.model(parts.folder / "3.onnx")}, tested=(INT8,))
    assert set(measured.latencies) == {FP32, INT8, "trial-3"} and set(measured.outputs) == {FP32, "trial-3"}
    assert measured.latencies[FP32].memory_bytes == 7
    assert measured.latencies["trial-3"].memory_bytes > 20e6
    expected = np.add.reduceat(parts.data.test.tokens.astype(np.float64), parts.data.test.offsets[:-1])
    for outputs in measured.outputs.values():
        np.testing.assert_allclose(outputs[:, 0], expected, rtol=1e-6)
    assert parts.heard == []


def test_the_baselines_of_a_large_teacher_read_its_tokens(parts: Parts):
    other = split(9)
    data = SimpleNamespace(validation=other.subset([0, 1, 2]), test=other.subset([8, 1, 0, 2]), pad_id=0)
    requests = parts.folder / "other.npz"
    write_requests(requests, draw_requests(data.validation, batch_size=1, pad_id=0, count=3))
    parts.evaluator.prepared.labeller = SimpleNamespace(data=data, requests=requests)
    parts.stock = stock_models(parts.folder / "no checkpoint", parts.folder, parts.folder / "no student checkpoint")
    assert parts.stock.student is not None
    parts.stock.student.int8.parent.mkdir(parents=True)
    parts.model(parts.stock.student.int8)
    measured = parts.measure({"trial-3": parts.model(parts.folder / "3.onnx")})
    assert list(measured.latencies) == [FP32, INT8, STUDENT_INT8, "trial-3"]
    for name, read in ((FP32, data), (INT8, data), (STUDENT_INT8, parts.data), ("trial-3", parts.data)):
        expected = np.add.reduceat(read.test.tokens.astype(np.float64), read.test.offsets[:-1])
        np.testing.assert_allclose(measured.outputs[name][:, 0], expected, rtol=1e-6)
        assert measured.latencies[name].latency.count % len(read.validation) == 0
    assert parts.heard == []


def test_a_file_that_fails_is_told_and_the_others_are_measured(parts: Parts):
    broken = parts.model(parts.folder / "3.onnx", b"no model")
    measured = parts.measure({"trial-3": broken, "trial-4": parts.model(parts.folder / "4.onnx")})
    assert set(measured.latencies) == set(measured.outputs) == {FP32, INT8, "trial-4"}
    (told,) = parts.heard
    assert told.startswith("trial-3 cannot be measured again: ") and "ONNX Runtime must load" in told


def test_where_no_file_works_nothing_is_measured(parts: Parts):
    for path in (parts.stock.fp32, parts.stock.int8):
        path.unlink()
    assert parts.measure({}) == Remeasured()
    assert parts.heard == []
    broken = onnx.ModelProto().SerializeToString()
    assert parts.measure({"trial-3": parts.model(parts.folder / "3.onnx", broken)}) == Remeasured()
    assert [told.partition(" cannot be measured again: ")[0] for told in parts.heard] == ["trial-3"]
