import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace

import numpy as np
import onnx
import psutil
import pytest
from measured_parts import random_rows, tiny_model

from autocompress.measurement.process import (
    Evaluation,
    Workload,
    measure_and_predict,
    measure_in_fresh_process,
    predict_in_fresh_process,
)
from autocompress.measurement.protocol import LatencyProtocol
from autocompress.measurement.requests import draw_requests, write_requests
from autocompress.measurement.worker_process import ONNX_WORKER, Specification, Worker, run_worker
from autocompress.system.errors import MeasurementError

ENDLESS = LatencyProtocol(min_requests=1, min_seconds=600.0, max_seconds=600.0)


def test_one_model(tiny_onnx, request_file, brief):
    measured = measure_in_fresh_process(Workload({"tiny": tiny_onnx}, request_file), brief)["tiny"]
    assert measured.latency.count == measured.timing.samples_ms.size == 20
    assert measured.latency.mean == pytest.approx(measured.timing.samples_ms.mean())
    assert 0 < measured.latency.p50 <= measured.latency.p95
    assert 20e6 < measured.memory_bytes < 200e6


def test_memory_is_that_of_the_serving_process_and_not_of_its_parent(tiny_onnx, request_file, brief):
    ballast = np.ones(40_000_000)
    measured = measure_in_fresh_process(Workload({"tiny": tiny_onnx}, request_file), brief)["tiny"]
    assert measured.memory_bytes < 200e6 < psutil.Process().memory_info().rss
    assert ballast[-1] == 1


def test_several_models_are_interleaved(tiny_onnx, request_file, brief):
    measured = measure_in_fresh_process(Workload({"a": tiny_onnx, "b": tiny_onnx}, request_file), brief)
    assert list(measured) == ["a", "b"]
    assert {one.timing.samples_ms.size for one in measured.values()} == {40}
    assert all(20e6 < one.memory_bytes < 200e6 for one in measured.values())


def test_a_model_may_have_requests_of_its_own(tiny_onnx, request_file, brief, tmp_path):
    own = tmp_path / "own.npz"
    write_requests(own, draw_requests(random_rows(9), batch_size=1, pad_id=0, count=7))
    workload = Workload({"a": tiny_onnx, "b": tiny_onnx}, request_file, own_requests={"b": own, "not here": own})
    measured = measure_in_fresh_process(workload, brief)
    assert {name: one.timing.samples_ms.size for name, one in measured.items()} == {"a": 40, "b": 14}
    alone = measure_in_fresh_process(Workload({"b": tiny_onnx}, request_file, own_requests={"b": own}), brief)
    assert alone["b"].timing.samples_ms.size % 7 == 0


def test_known_memory_is_not_measured_again(tiny_onnx, request_file, brief):
    workload = Workload({"a": tiny_onnx, "b": tiny_onnx}, request_file, known_memory={"a": 7})
    measured = measure_in_fresh_process(workload, brief)
    assert measured["a"].memory_bytes == 7 and 20e6 < measured["b"].memory_bytes < 200e6


@pytest.mark.parametrize(("left_s", "processes"), [(0.0, 1), (60.0, 3)])
def test_no_process_is_begun_that_would_end_too_late(tiny_onnx, request_file, brief, left_s, processes):
    protocol, deadline = replace(brief, processes=3), time.monotonic() + left_s
    wish = [Evaluation("a", random_rows(3), 1, 0)]
    workload = Workload({"a": tiny_onnx, "b": tiny_onnx}, request_file)
    timings, outputs = measure_and_predict(workload, wish, protocol, deadline=deadline)
    assert {one.timing.samples_ms.size for one in timings.values()} == {40 * processes}
    assert len(outputs) == 1 and all(one.memory_bytes > 20e6 for one in timings.values())


def test_outputs_at_the_batch_size_asked_for(tiny_onnx, tmp_path):
    rows = random_rows(23)
    doubled = tmp_path / "doubled.onnx"
    onnx.save_model(tiny_model(2.0), str(doubled))
    served, sorted_ = predict_in_fresh_process(
        {"one": tiny_onnx, "two": doubled},
        [Evaluation("one", rows, 4, 0), Evaluation("two", rows, 8, 0, by_length=True)],
    )
    expected = np.add.reduceat(rows.tokens.astype(np.float64), rows.offsets[:-1])
    np.testing.assert_allclose(served[:, 0], expected, rtol=1e-6)
    np.testing.assert_allclose(sorted_, 2 * served, rtol=1e-6)


def test_a_file_that_is_no_model_is_one_line(tmp_path, request_file, brief):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    with pytest.raises(MeasurementError, match=r"broken\.onnx") as caught:
        measure_in_fresh_process(Workload({"broken": broken}, request_file), brief)
    assert "\n" not in str(caught.value)


def test_too_slow_is_killed(tiny_onnx, request_file):
    with pytest.raises(MeasurementError, match="within 1 s"):
        measure_in_fresh_process(Workload({"tiny": tiny_onnx}, request_file), ENDLESS, Worker(timeout_s=1.0))
    assert not psutil.Process().children()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("raise RuntimeError('no such thing')", "RuntimeError: no such thing"),
        ("import sys; sys.exit(3)", "ended without an answer"),
    ],
)
def test_a_worker_that_dies_says_how(body, message, tmp_path, monkeypatch):
    (tmp_path / "dying_worker.py").write_text(body)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(MeasurementError, match=message):
        run_worker(Specification({"tiny": "model.onnx"}, threads=1), Worker("dying_worker", timeout_s=20.0))


def test_the_worker_runs_in_the_interpreter_asked_for(tiny_onnx, request_file, brief, tmp_path):
    other = tmp_path / "python"
    other.write_text(f'#!/bin/sh\necho "$2" >> "{tmp_path}/used"\nexec "{sys.executable}" "$@"\n')
    other.chmod(0o755)
    wish = [Evaluation("a", random_rows(3), 1, 0)]
    workload = Workload({"a": tiny_onnx, "b": tiny_onnx}, request_file)
    measure_and_predict(workload, wish, brief, Worker(python=str(other)))
    assert (tmp_path / "used").read_text().splitlines() == [ONNX_WORKER] * 3


def test_the_worker_ends_with_its_parent(tiny_onnx, request_file, tmp_path):
    program = (
        "from pathlib import Path\n"
        "from autocompress.measurement.process import *\n"
        "endless = LatencyProtocol(min_requests=1, min_seconds=600.0, max_seconds=600.0)\n"
        f"workload = Workload({{'a': Path({str(tiny_onnx)!r})}}, Path({str(request_file)!r}))\n"
        "measure_in_fresh_process(workload, endless)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], env={**os.environ, "TMPDIR": str(tmp_path)})
    workers: list[psutil.Process] = []
    while not workers and parent.poll() is None:
        time.sleep(0.05)
        workers = psutil.Process(parent.pid).children()
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    gone, alive = psutil.wait_procs(workers, timeout=20)
    assert len(gone) == 1
    assert not alive


def test_the_worker_imports_neither_torch_nor_its_friends(tiny_onnx, request_file, brief, tmp_path):
    specification = Specification({"tiny": str(tiny_onnx)}, 1, str(request_file), protocol=brief)
    (tmp_path / "spec.json").write_text(json.dumps(asdict(specification)))
    program = (
        "import sys; from autocompress.measurement.worker import main; "
        "code = main(arguments=sys.argv[1:]); print(*sys.modules); sys.exit(code)"
    )
    arguments = ["--spec", str(tmp_path / "spec.json"), "--out", str(tmp_path / "out.json")]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    imported = set(done.stdout.split())
    assert {"numpy", "onnxruntime"} <= imported
    assert not {"torch", "transformers", "onnx", "pandas", "ray", "optuna", "scipy", "datasets"} & imported
    told = json.loads((tmp_path / "out.json").read_text())["models"]["tiny"]
    assert told["rounds_ms"] and told["samples_ms"] is None and told["cpu_share"] > 0
