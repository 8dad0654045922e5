"""Saves the state of a training to disk, so that a killed one loses half a minute at most."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from autocompress.networks.weights import load_weights, save_weights
from autocompress.system.errors import StudyError

ADAM_STATE = ("step", "exp_avg", "exp_avg_sq")
NAMES_IN_FILE = {"progress": "way"}
FIELDS = {name: field for field, name in NAMES_IN_FILE.items()}


@dataclass(frozen=True)
class Position:
    """Says how far a training has come.

    ``generator`` is the state of the random generator at the beginning of the epoch, which decides the order of its
    batches; ``batch`` counts the finished batches of the epoch and ``epoch`` the finished epochs. ``progress`` is the
    finished share of the training, ``steps`` its optimizer steps, ``seen`` the examples in them.
    """

    generator: dict[str, Any]
    progress: float = 0.0
    steps: int = 0
    seen: int = 0
    epoch: int = 0
    batch: int = 0

    @classmethod
    def first(cls, seed: int) -> Position:
        """Return the position before the first step of a training with this seed."""
        return cls(_state_of(np.random.default_rng(seed)))

    def random_generator(self) -> np.random.Generator:
        """Return a generator as it is at the beginning of the epoch."""
        rng = np.random.default_rng()
        rng.bit_generator.state = self.generator
        return rng

    def after_batch(self, examples: int, progress: float) -> Position:
        """Return the position after one more step on ``examples`` examples, taken at this ``progress``."""
        return replace(self, progress=progress, steps=self.steps + 1, seen=self.seen + examples, batch=self.batch + 1)

    def next_epoch(self, rng: np.random.Generator) -> Position:
        """Return the position at the beginning of the next epoch, whose batches ``rng`` will order."""
        return replace(self, generator=_state_of(rng), epoch=self.epoch + 1, batch=0)

    def to_json(self) -> str:
        """Return the form in the file, which has a name of its own for some fields (``NAMES_IN_FILE``)."""
        return json.dumps({NAMES_IN_FILE.get(name, name): value for name, value in asdict(self).items()})

    @classmethod
    def from_json(cls, text: str) -> Position:
        """Read what ``to_json`` wrote."""
        return cls(**{FIELDS.get(name, name): value for name, value in json.loads(text).items()})


@dataclass
class TrainingState:
    """Saves one training's weights, optimizer state and position to ``path``, every ``every_s`` seconds at most.

    A file is restored only if it is whole, has the same ``key`` and fits the parameters' shapes. ``kept`` are tensors
    of the caller's own, such as the best weights so far, which are saved and restored with the rest.
    """

    path: Path
    key: str
    every_s: float = 30.0
    kept: dict[str, Tensor] = field(default_factory=dict)
    _saved: float = field(default_factory=time.monotonic)

    def restore(self, trained: Sequence[nn.Parameter], optimizer: torch.optim.Optimizer) -> Position | None:
        """Load weights, optimizer state and ``kept`` from the file; None, with nothing changed, if it does not fit."""
        if not self.path.is_file():
            return None
        try:
            arrays, meta = load_weights(self.path)
        except StudyError:
            return None
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        shapes = [tuple(tensors[name].shape) for name in map(_weight, range(len(trained))) if name in tensors]
        if meta.get("key") != self.key or shapes != [tuple(parameter.shape) for parameter in trained]:
            return None
        with torch.no_grad():
            for number, parameter in enumerate(trained):
                parameter.copy_(tensors.pop(_weight(number)))
                state = {name: tensors.pop(f"{name}.{number}", None) for name in ADAM_STATE}
                if state["step"] is not None:
                    optimizer.state[parameter] = state
        self.kept.clear()
        self.kept.update({name.removeprefix("kept."): tensor for name, tensor in tensors.items()})
        return Position.from_json(meta["position"])

    def is_due(self) -> bool:
        """Whether the last save is at least ``every_s`` seconds ago."""
        return time.monotonic() - self._saved >= self.every_s

    def save(self, trained: Sequence[nn.Parameter], optimizer: torch.optim.Optimizer, position: Position) -> None:
        """Write everything to the file; StorageError if that fails."""
        tensors = {f"kept.{name}": tensor for name, tensor in self.kept.items()}
        for number, parameter in enumerate(trained):
            tensors[_weight(number)] = parameter.detach()
            tensors |= {f"{name}.{number}": tensor for name, tensor in optimizer.state[parameter].items()}
        meta = {"kind": "training", "key": self.key, "position": position.to_json()}
        save_weights(self.path, {name: tensor.numpy() for name, tensor in tensors.items()}, meta)
        self._saved = time.monotonic()

    def discard(self) -> None:
        """Remove the file, once the training's result is stored elsewhere."""
        self.path.unlink(missing_ok=True)


def _weight(number: int) -> str:
    return f"weight.{number}"


def _state_of(rng: np.random.Generator) -> dict[str, Any]:
    return dict(rng.bit_generator.state)
