"""Defines what a build program reads and writes: it runs in a peer's environment and leaves files and ``built.json``.

This module imports only numpy and the standard library.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from autocompress.measurement.requests import Request, read_split
from autocompress.system.files import read_json, write_json
from autocompress.tasks.batching import Split, pad_rows

BUILT = "built.json"


@dataclass(frozen=True)
class BuiltModel:
    """A model file, all files that are deployed with it (paths relative to ``built.json``), and a note for readers."""

    name: str
    path: str
    files: tuple[str, ...]
    note: str


@dataclass(frozen=True)
class Order:
    """What to build from: the teacher as a Hugging Face folder, tokenized training texts, and the output folder."""

    checkpoint: Path
    calibration: Path
    out: Path

    def requests(self) -> list[Request]:
        """Return the calibration texts, one per request, so that no padding is needed."""
        split: Split = read_split(self.calibration)
        return [pad_rows(split, np.array([row]), 0) for row in range(len(split.offsets) - 1)]


def main(build: Callable[[Order], list[BuiltModel]]) -> None:
    """Read the command line, build the models, and write ``built.json``."""
    parser = argparse.ArgumentParser(description="build a peer's model files")
    for name in ("checkpoint", "calibration", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    order = Order(**vars(parser.parse_args()))
    order.out.mkdir(parents=True, exist_ok=True)
    write_json(order.out / BUILT, [asdict(model) for model in build(order)])


def read_built(folder: Path) -> list[BuiltModel]:
    """Read ``built.json`` from ``folder``."""
    return [BuiltModel(**{**model, "files": tuple(model["files"])}) for model in read_json(folder / BUILT)]
