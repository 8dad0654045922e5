"""Loads and runs an artefact's graph with ONNX Runtime and nothing else."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from autocompress.system.errors import MeasurementError


class Session:
    """Runs a model on the CPU with ``threads`` threads, one node after another.

    ``model`` is a path or the file's bytes. MeasurementError if ONNX Runtime does not load it.
    """

    def __init__(self, model: Path | str | bytes, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = 3
        source = model if isinstance(model, bytes) else str(model)
        try:
            self._session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            what = "the graph" if isinstance(model, bytes) else str(model)
            raise MeasurementError(
                f"ONNX Runtime must load {what}, but {_too_old(model)}says: {_one_line(error)}"
            ) from error
        self.input_names: tuple[str, ...] = tuple(value.name for value in self._session.get_inputs())

    def run(self, batch: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Return logits ``[batch, num_outputs]`` of int64 arrays ``[batch, sequence]``; other arrays are ignored."""
        try:
            feed = {name: batch[name] for name in self.input_names}
            logits: NDArray[np.float32] = self._session.run(None, feed)[0]
        except KeyError as error:
            raise MeasurementError(
                f"the graph reads {', '.join(self.input_names)}, but the batch lacks {error}"
            ) from error
        except Exception as error:
            raise MeasurementError(f"ONNX Runtime must run the graph, but says: {_one_line(error)}") from error
        return logits


def _too_old(model: Path | str | bytes) -> str:
    """Return part of an error message if the installed version is older than the model needs, else an empty string."""
    # Serving does not need the package onnx; it is imported for a better message only.
    try:
        import onnx

        from autocompress.artifact.runtime import is_older, least_onnxruntime

        least = least_onnxruntime(onnx.load_from_string(model) if isinstance(model, bytes) else onnx.load(model))
        here = str(onnxruntime.__version__)
        return f"is {here}, where {least} or later is needed, and " if is_older(here, least) else ""
    except Exception:
        return ""


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:400]
