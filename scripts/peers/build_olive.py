"""Builds an int8 model with Olive's automatic optimizer for the CPU execution provider: ``olive auto-opt``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from peers.build import BuiltModel, Order, main

NAME = "olive-int8"
SETTINGS = ("--task", "text-classification", "--device", "cpu", "--provider", "CPUExecutionProvider")


def build(order: Order) -> list[BuiltModel]:
    """Run the command and return the model that it wrote."""
    out = order.out / NAME
    olive = [sys.executable, "-m", "olive", "auto-opt", "--model_name_or_path", str(order.checkpoint)]
    command = [*olive, *SETTINGS, "--precision", "int8", "--output_path", str(out)]
    subprocess.run(command, check=True)
    files = [str(path.relative_to(order.out)) for path in _model_files(out)]
    return [BuiltModel(NAME, files[0], tuple(files), "olive auto-opt, CPUExecutionProvider, int8")]


def _model_files(folder: Path) -> list[Path]:
    """Return the graph's file, and that of its weights if they are stored separately."""
    (model,) = folder.rglob("*.onnx")
    return [model, *model.parent.glob("*.onnx.data")]


if __name__ == "__main__":
    main(build)
