"""What a teacher has said of the first texts of many, on disk, so that labelling goes on where it was killed."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autocompress.distillation.hidden_states import Components
from autocompress.networks.weights import load_weights, save_weights
from autocompress.system.errors import StudyError

PARTS = ("logits", "values", "means")


@dataclass
class LabelsSoFar:
    """Outputs by chunk: ``logits`` [n, C], ``values`` [n, K] of the hidden states, ``means`` of the first texts.

    With a ``path`` they are written there at most every ``every_s`` seconds and read again if the ``key`` is the same;
    a file that is damaged does not count.
    """

    path: Path | None = None
    key: str = ""
    every_s: float = 30.0
    parts: dict[str, list[NDArray[np.generic]]] = field(default_factory=lambda: {name: [] for name in PARTS})
    components: Components | None = None
    _saved: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        if self.path is None or not self.path.is_file():
            return
        try:
            arrays, meta = load_weights(self.path)
        except StudyError:
            return
        if meta.get("key") == self.key:
            self.components = Components(*(arrays[f"components.{name}"] for name in ("mean", "basis", "shares")))
            self.parts = {name: [arrays[name]] for name in PARTS}

    @property
    def count(self) -> int:
        """Texts that have their outputs."""
        return sum(len(part) for part in self.parts["logits"])

    def add(self, components: Components, **outputs: NDArray[np.generic]) -> None:
        """Outputs of the next texts, one array per part; saved if it is time."""
        self.components = components
        for name in PARTS:
            self.parts[name].append(outputs[name])
        if self.path is not None and time.monotonic() - self._saved >= self.every_s:
            arrays = {f"components.{name}": getattr(components, name) for name in ("mean", "basis", "shares")}
            save_weights(self.path, arrays | {name: self.all(name) for name in PARTS}, {"key": self.key})
            self._saved = time.monotonic()

    def all(self, name: str) -> NDArray[np.generic]:
        """One part of all texts so far."""
        return np.concatenate(self.parts[name])

    def discard(self) -> None:
        """Remove the file: what it held is kept elsewhere."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
