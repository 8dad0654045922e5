"""Serves files and measures itself doing so: ``python -m autocompress.measurement.worker --spec S --out O``.

The process imports numpy and ONNX Runtime only, so its peak memory is that of a lean server. The specification is the
JSON form of ``worker_process.Specification``; the answer is ``{"models": {name: timing}, "fastest_probe_s": s,
"memory_bytes": n, "evaluated_s": s}`` or ``{"error": one line, "import_failed": bool}`` with a non-zero exit code.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autocompress.hardware.core_speed import CoreSpeed
from autocompress.hardware.counters import peak_memory_bytes
from autocompress.measurement.inference import Runnable, predict
from autocompress.measurement.loop import measure, measure_interleaved
from autocompress.measurement.protocol import LatencyProtocol
from autocompress.measurement.requests import Request, read_requests, read_split
from autocompress.measurement.timing import Timing
from autocompress.system.files import read_json, replacing, write_json

Open = Callable[[str, int], Runnable]


def open_session(path: str, threads: int) -> Runnable:
    """Load the ONNX file at ``path`` with ONNX Runtime."""
    from autocompress.artifact.session import Session

    return Session(Path(path), threads)


def main(open_model: Open = open_session, arguments: Sequence[str] | None = None) -> int:
    """Run the specification that the command line names, write the answer, and return the exit code."""
    parser = argparse.ArgumentParser(description="measure models in this process")
    parser.add_argument("--spec", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--end-with-parent", action="store_true", help="stop when standard input is closed")
    options = parser.parse_args(arguments)
    if options.end_with_parent:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        write_json(options.out, serve_and_predict(read_json(options.spec), open_model))
    except Exception as error:
        message = " ".join(str(error).split()) or type(error).__name__
        write_json(options.out, {"error": message, "import_failed": isinstance(error, ImportError)})
        print(message, file=sys.stderr)
        return 1
    return 0


def serve_and_predict(spec: Mapping[str, Any], open_model: Open) -> dict[str, Any]:
    """Serve, time and predict what the specification names, and return the answer."""
    threads = spec["threads"]
    models = {name: open_model(path, threads) for name, path in spec["models"].items()}
    answer: dict[str, Any] = {"models": {}}
    if spec["requests"] is not None:
        timings, answer["fastest_probe_s"] = _serve(models, read_requests(Path(spec["requests"])), spec)
        answer["models"] = {name: _without_samples(timing) for name, timing in timings.items()}
        if spec["samples"] is not None:
            with replacing(Path(spec["samples"])) as temporary, temporary.open("wb") as stream:
                np.savez(stream, **{name: timing.samples_ms for name, timing in timings.items()})  # type: ignore[arg-type]
    answer["memory_bytes"] = peak_memory_bytes()
    models.clear()
    begun = time.monotonic()
    for evaluation in spec["evaluations"]:
        _write_outputs(evaluation, spec["models"][evaluation["model"]], open_model)
    return {**answer, "evaluated_s": time.monotonic() - begun}


def _serve(
    models: Mapping[str, Runnable], requests: list[Request], spec: Mapping[str, Any]
) -> tuple[dict[str, Timing], float | None]:
    """Serve the requests; return timings by model and the speed probe's fastest seconds in this process."""
    own = {name: read_requests(Path(path)) for name, path in spec["own_requests"].items() if name in models}
    if not spec["latency"]:
        for name, model in models.items():
            for request in own.get(name, requests):
                model.run(request)
        return {}, None
    core_speed, threads = CoreSpeed(spec["known_fastest_s"] or math.inf), spec["threads"]
    protocol = LatencyProtocol(**spec["protocol"])
    runs = {name: model.run for name, model in models.items()}
    if len(runs) == 1 and not protocol.min_span_seconds:
        timings = {
            name: measure(run, own.get(name, requests), protocol, threads=threads, core_speed=core_speed)
            for name, run in runs.items()
        }
    else:
        timings = measure_interleaved(
            runs, requests, protocol, threads=threads, core_speed=core_speed, own_requests=own
        )
    return timings, core_speed.fastest_here_s


def _without_samples(timing: Timing) -> dict[str, Any]:
    """Return the JSON form of a timing without its samples, which are many."""
    return {**vars(timing), "samples_ms": None, "rounds_ms": timing.rounds_ms.tolist()}


def _write_outputs(evaluation: Mapping[str, Any], path: str, open_model: Open) -> None:
    outputs = predict(
        open_model(path, evaluation["threads"]),
        read_split(Path(evaluation["split"])),
        evaluation["batch_size"],
        evaluation["pad_id"],
        by_length=evaluation["by_length"],
    )
    with replacing(Path(evaluation["outputs"])) as temporary, temporary.open("wb") as stream:
        np.save(stream, outputs)


def _end_with_parent() -> None:
    """End this process when standard input closes: the parent, which holds its other end, has died."""
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
