"""Measures models that need another runtime: ``python -m peers.worker --spec S --out O``.

It opens OpenVINO models, checkpoints and ONNX files, so that the anchor (uniform int8 in ONNX Runtime) can be timed
between the rounds of a model that ONNX Runtime cannot run. It runs in the environment that has the runtime.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autocompress.measurement.inference import Runnable
from autocompress.measurement.requests import Request
from autocompress.measurement.worker import main, open_session


class OpenVINOModel:
    """An OpenVINO model on the CPU, compiled for latency with a fixed number of threads."""

    def __init__(self, path: str, threads: int) -> None:
        import openvino

        settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads}
        compiled = openvino.Core().compile_model(path, "CPU", settings)
        self._request = compiled.create_infer_request()
        self._output = compiled.output(0)
        self.names = tuple(port.get_any_name() for port in compiled.inputs)

    def run(self, batch: Request, /) -> NDArray[np.float32]:
        """Return logits [batch, num_outputs]; the inputs are not copied, which is OpenVINO's fast path."""
        answer = self._request.infer({name: batch[name] for name in self.names}, share_inputs=True)
        logits: NDArray[np.float32] = answer[self._output]
        return logits


def open_checkpoint(path: str, threads: int) -> Runnable:
    """Open a checkpoint in PyTorch."""
    from autocompress.measurement.pytorch_worker import PyTorchModel

    return PyTorchModel(path, threads)


OPENERS: dict[str, Callable[[str, int], Runnable]] = {
    ".onnx": open_session,
    ".xml": OpenVINOModel,
    "": open_checkpoint,
}


def open_model(path: str, threads: int) -> Runnable:
    """Open the model at ``path`` by its suffix; a folder is a checkpoint."""
    return OPENERS[Path(path).suffix](path, threads)


if __name__ == "__main__":
    sys.exit(main(open_model))
