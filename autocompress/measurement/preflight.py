"""Checks before the training that what a search needs after hours of it starts at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, save_model

from autocompress.domain.problem import Target
from autocompress.measurement.requests import write_requests
from autocompress.measurement.worker_process import Specification, Worker, run_worker
from autocompress.system.files import scratch
from autocompress.tasks.batching import INPUTS

TRIED = "a graph that is made to try ONNX Runtime"
_TIMEOUT_S = 120.0


def check_runtimes(target: Target) -> None:
    """Serve a graph of one node with ONNX Runtime, in a process like those that will measure files.

    Takes about a second. BrokenInstallationError if ONNX Runtime cannot be imported there; MeasurementError if the
    process fails otherwise; StorageError without room for temporary files. Ray's workers show that PyTorch loads.
    """
    with scratch() as folder:
        _serve_tiny_graph(folder, target)


def _serve_tiny_graph(folder: Path, target: Target) -> None:
    graph, requests = folder / "tried.onnx", folder / "requests.npz"
    shape = ["batch", "sequence"]
    node = helper.make_node("Cast", ["input_ids"], ["logits"], to=TensorProto.FLOAT)
    read = helper.make_tensor_value_info("input_ids", TensorProto.INT64, shape)
    written = helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)
    made = helper.make_graph([node], "tried", [read], [written])
    save_model(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(graph))
    write_requests(requests, [{name: np.ones((1, 4), np.int64) for name in INPUTS}])
    specification = Specification({TRIED: str(graph)}, target.threads, str(requests), latency=False)
    run_worker(specification, Worker(timeout_s=_TIMEOUT_S))
