"""Saves the teacher's outputs on the texts labelled so far, so that labelling resumes where it was killed."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autocompress.distillation.hidden_states import PrincipalComponents
from autocompress.networks.weights import load_weights, save_weights
from autocompress.system.errors import StudyError

OUTPUTS = ("logits", "values", "means")
COMPONENT_FIELDS = ("mean", "basis", "shares")


@dataclass
class LabellingState:
    """Collects the teacher's outputs chunk by chunk, and saves them to ``path`` at most every ``every_s`` seconds.

    ``outputs`` has a list of chunks for each of ``OUTPUTS``: ``logits`` [n, C], the principal components ``values``
    [n, K] of the hidden states, and for the first m texts the ``means`` [m, layers - 1, H] of the lower layers over the
    tokens. ``components`` are the projection that the first chunk determined, None before that. A file at ``path`` is
    read if it is intact and has the same ``key``. Without a ``path`` nothing is saved.
    """

    path: Path | None = None
    key: str = ""
    every_s: float = 30.0
    outputs: dict[str, list[NDArray[np.generic]]] = field(default_factory=lambda: {name: [] for name in OUTPUTS})
    components: PrincipalComponents | None = None
    _saved: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        if self.path is None or not self.path.is_file():
            return
        try:
            arrays, meta = load_weights(self.path)
        except StudyError:
            return
        if meta.get("key") == self.key:
            self.components = PrincipalComponents(*(arrays[f"components.{name}"] for name in COMPONENT_FIELDS))
            self.outputs = {name: [arrays[name]] for name in OUTPUTS}

    @property
    def count(self) -> int:
        """The number of labelled texts."""
        return sum(len(chunk) for chunk in self.outputs["logits"])

    def add(self, components: PrincipalComponents, **outputs: NDArray[np.generic]) -> None:
        """Append the outputs on the next texts, one array for each of ``OUTPUTS``, and save if that is due."""
        self.components = components
        for name in OUTPUTS:
            self.outputs[name].append(outputs[name])
        if self.path is not None and time.monotonic() - self._saved >= self.every_s:
            arrays = {f"components.{name}": getattr(components, name) for name in COMPONENT_FIELDS}
            save_weights(self.path, arrays | {name: self.all(name) for name in OUTPUTS}, {"key": self.key})
            self._saved = time.monotonic()

    def all(self, name: str) -> NDArray[np.generic]:
        """Return one of ``OUTPUTS`` for all labelled texts."""
        return np.concatenate(self.outputs[name])

    def discard(self) -> None:
        """Remove the file, once the outputs are stored elsewhere."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
