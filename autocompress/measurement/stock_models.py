"""Exports a checkpoint with standard tools only: torch.onnx, ONNX Runtime's fusions and dynamic quantization."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from autocompress.measurement.pytorch_worker import input_names, load_pretrained
from autocompress.networks.families import FAMILIES
from autocompress.system.errors import MeasurementError
from autocompress.system.files import read_sealed, replacing, scratch, sha256, write_sealed

PYTORCH, FP32, INT8 = "pytorch-fp32", "onnxruntime-fp32", "onnxruntime-int8"
STUDENT, STUDENT_INT8 = "student", "onnxruntime-int8-student"
DIGESTS = "models.json"
TOLERANCE = 1e-3
_OPSET = 17
_ATTENTION = ("Attention", "MultiHeadAttention")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StockModels:
    """The teacher's folder and the paths of its two standard exports.

    ``digests`` is the path of a file with the SHA-256 of both. ``fused`` counts the fused operators of the fp32 file,
    by type; it is empty unless the file was just built. ``student`` are those of the model that students start from, if
    it is another than the teacher; its int8 file is a baseline too.
    """

    teacher_folder: Path
    fp32: Path
    int8: Path
    digests: Path
    fused: dict[str, int] = field(default_factory=dict)
    student: StockModels | None = None

    @property
    def parts(self) -> list[StockModels]:
        """The teacher's exports, and those of the model that students start from if that is another."""
        return [self] if self.student is None else [self, self.student]


def stock_models(teacher_folder: Path, out_folder: Path, student_folder: Path | None = None) -> StockModels:
    """Return the paths that ``build_baselines`` writes to, and where those of a student checkpoint are."""
    fp32, int8 = (out_folder / name / "model.onnx" for name in (FP32, INT8))
    student = None if student_folder is None else stock_models(student_folder, out_folder / STUDENT)
    return StockModels(teacher_folder, fp32, int8, out_folder / DIGESTS, student=student)


def has_stock_models(stock: StockModels) -> bool:
    """Return whether ``build_baselines`` has finished and its files are in place."""
    return all(path.is_file() for path in (stock.fp32, stock.int8, stock.digests))


def damaged_models(stock: StockModels) -> list[Path]:
    """Return the files whose content is not what ``build_baselines`` wrote; none before it has finished."""
    try:
        digests = read_sealed(stock.digests)
    except FileNotFoundError:
        return []
    except ValueError:
        return [stock.digests]
    files = {FP32: stock.fp32, INT8: stock.int8}
    return [path for name, path in files.items() if path.is_file() and sha256(path) != digests.get(name)]


def build_baselines(teacher_folder: Path, out_folder: Path) -> StockModels:
    """Write ``onnxruntime-fp32/model.onnx``, ``onnxruntime-int8/model.onnx`` and their digests under ``out_folder``.

    MeasurementError if the fp32 file's logits differ from PyTorch's by more than ``TOLERANCE`` on padded random rows.
    The export uses torch's legacy exporter and eager attention, for ONNX Runtime fuses the attention of no other graph:
    neither that of the dynamo exporter nor that of scaled_dot_product_attention.
    """
    stock = stock_models(teacher_folder, out_folder)
    model = load_pretrained(str(teacher_folder), attn_implementation="eager")
    with scratch() as folder:
        exported = folder / "exported.onnx"
        _export(model, exported)
        with replacing(stock.fp32) as temporary:
            fused = _fuse(exported, temporary, model.config)
    if not any(fused.get(name) for name in _ATTENTION):
        _log.warning("no attention was fused in the %s baseline of a %s model", FP32, model.config.model_type)
    _log.info("fused operators of %s: %s", FP32, fused)
    _check(model, stock.fp32)
    with replacing(stock.int8) as temporary:
        _quantize(stock.fp32, temporary)
    write_sealed(stock.digests, {FP32: sha256(stock.fp32), INT8: sha256(stock.int8)})
    return replace(stock, fused=fused)


def _export(model: Any, path: Path) -> None:
    import torch

    names = input_names(model)

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *arrays: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.model(**dict(zip(names, arrays, strict=True))).logits
            return logits

    example = _example(model, names, rows=2, columns=9)
    with _quiet():
        torch.onnx.export(
            Logits().eval(),
            tuple(torch.from_numpy(example[name]) for name in names),
            str(path),
            input_names=list(names),
            output_names=["logits"],
            dynamic_axes={**{name: {0: "batch", 1: "sequence"} for name in names}, "logits": {0: "batch"}},
            opset_version=_OPSET,
            dynamo=False,
        )


def _fuse(source: Path, path: Path, config: Any) -> dict[str, int]:
    """Write the graph with ONNX Runtime's offline fusions, and return how many operators of each type were fused."""
    from onnxruntime.transformers.optimizer import optimize_model

    family = FAMILIES[config.model_type]
    with _quiet():
        optimized = optimize_model(
            str(source),
            model_type=family.optimizer_model_type,
            num_heads=family.size(config, "num_attention_heads"),
            hidden_size=family.size(config, "hidden_size"),
        )
        optimized.save_model_to_file(str(path))
        statistics = optimized.get_fused_operator_statistics()
    return {name: int(count) for name, count in statistics.items() if count}


def _quantize(source: Path, path: Path) -> None:
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with _quiet():
        quantize_dynamic(
            str(source),
            str(path),
            per_channel=True,
            weight_type=QuantType.QInt8,
            extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
        )


def _check(model: Any, path: Path) -> None:
    import torch

    from autocompress.artifact.session import Session

    request = _example(model, input_names(model), rows=3, columns=14)
    with torch.inference_mode():
        expected = model(**{name: torch.from_numpy(array) for name, array in request.items()}).logits.numpy()
    worst = float(np.abs(Session(path).run(request) - expected).max())
    if not worst <= TOLERANCE * max(1.0, float(np.abs(expected).max())):
        raise MeasurementError(
            f"logits of the exported checkpoint must agree with PyTorch within {TOLERANCE:g}, "
            f"but differ by {worst:.3g}; use another checkpoint"
        )


def _example(model: Any, names: tuple[str, ...], *, rows: int, columns: int) -> dict[str, np.ndarray[Any, Any]]:
    """Return random inputs [rows, columns] by name, row r padded by r tokens at its end."""
    mask = np.arange(columns)[None, :] < columns - np.arange(rows)[:, None]
    vocab_size = FAMILIES[model.config.model_type].size(model.config, "vocab_size")
    ids = np.random.default_rng(0).integers(5, vocab_size, size=mask.shape)
    arrays = {
        "input_ids": np.where(mask, ids, model.config.pad_token_id or 0),
        "attention_mask": mask.astype(np.int64),
        "token_type_ids": np.zeros(mask.shape, np.int64),
    }
    return {name: arrays[name].astype(np.int64) for name in names}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the notes of other libraries on exporting, which the user can do nothing about."""
    root = logging.getLogger()
    level, handlers, disabled = root.level, list(root.handlers), root.manager.disable
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(disabled)
            root.handlers[:] = handlers
            root.setLevel(level)
