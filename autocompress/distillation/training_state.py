"""A training's state on disk, so that one that is killed goes on where it was half a minute before."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from autocompress.networks.weights import load_weights, save_weights
from autocompress.system.errors import StudyError

MOMENTS = ("step", "exp_avg", "exp_avg_sq")


@dataclass(frozen=True)
class Position:
    """How far a training came.

    ``progress`` is its share that is done, ``batch`` the batches done of the current epoch, whose order follows from
    ``generator``, a random generator's state.
    """

    generator: dict[str, Any]
    progress: float = 0.0
    steps: int = 0
    seen: int = 0
    epoch: int = 0
    batch: int = 0

    def to_json(self) -> str:
        """The form in the file, whose name for ``progress`` is ``way``."""
        return json.dumps({"way" if name == "progress" else name: value for name, value in asdict(self).items()})

    @classmethod
    def from_json(cls, text: str) -> Position:
        """The inverse of ``to_json``."""
        return cls(**{"progress" if name == "way" else name: value for name, value in json.loads(text).items()})


@dataclass
class TrainingState:
    """Keeps one training's state in the file at ``path``, at most every ``every_s`` seconds.

    A file with another ``key`` or of other sizes, or one that is damaged, is of no use and does not count. ``kept``
    is the caller's own: it is saved along and restored.
    """

    path: Path
    key: str
    every_s: float = 30.0
    kept: dict[str, Tensor] = field(default_factory=dict)
    _saved: float = field(default_factory=time.monotonic)

    def restore(self, trained: Sequence[nn.Parameter], optimizer: torch.optim.Optimizer) -> Position | None:
        """Put back weights and the optimizer's moments; None, and nothing changed, if there is no state of use."""
        if not self.path.is_file():
            return None
        try:
            arrays, meta = load_weights(self.path)
        except StudyError:
            return None
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        sizes = [tuple(tensors[name].shape) for name in map(_weight, range(len(trained))) if name in tensors]
        if meta.get("key") != self.key or sizes != [tuple(parameter.shape) for parameter in trained]:
            return None
        with torch.no_grad():
            for number, parameter in enumerate(trained):
                parameter.copy_(tensors.pop(_weight(number)))
                moments = {name: tensors.pop(f"{name}.{number}", None) for name in MOMENTS}
                if moments["step"] is not None:
                    optimizer.state[parameter] = moments
        self.kept.clear()
        self.kept.update({name.removeprefix("kept."): tensor for name, tensor in tensors.items()})
        return Position.from_json(meta["position"])

    def is_due(self) -> bool:
        """Whether the last save is ``every_s`` seconds ago."""
        return time.monotonic() - self._saved >= self.every_s

    def save(self, trained: Sequence[nn.Parameter], optimizer: torch.optim.Optimizer, position: Position) -> None:
        """Write everything; StorageError if that fails."""
        tensors = {f"kept.{name}": tensor for name, tensor in self.kept.items()}
        for number, parameter in enumerate(trained):
            tensors[_weight(number)] = parameter.detach()
            tensors |= {f"{name}.{number}": moment for name, moment in optimizer.state[parameter].items()}
        meta = {"kind": "training", "key": self.key, "position": position.to_json()}
        save_weights(self.path, {name: tensor.numpy() for name, tensor in tensors.items()}, meta)
        self._saved = time.monotonic()

    def discard(self) -> None:
        """Remove the file: what was trained is kept elsewhere."""
        self.path.unlink(missing_ok=True)


def _weight(number: int) -> str:
    return f"weight.{number}"
