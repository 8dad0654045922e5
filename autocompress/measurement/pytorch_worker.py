"""The measuring worker that runs a checkpoint in transformers; its own process, so that only it imports torch."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autocompress.measurement.requests import Request
from autocompress.measurement.worker import main
from autocompress.networks.families import FAMILIES
from autocompress.tasks.batching import INPUTS


class PyTorchModel:
    """A ``*ForSequenceClassification`` checkpoint in float32 that answers requests of NumPy arrays."""

    def __init__(self, folder: str, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        self._torch = torch
        self.model = load_pretrained(folder)
        self.names = input_names(self.model)

    def run(self, batch: Request, /) -> NDArray[np.float32]:
        """Return logits [batch, num_outputs]; the time to convert the arrays counts, for serving needs it too."""
        with self._torch.inference_mode():
            logits = self.model(**{name: self._torch.from_numpy(batch[name]) for name in self.names}).logits
        array: NDArray[np.float32] = logits.numpy()
        return array


def load_pretrained(folder: str, **settings: Any) -> Any:
    """Load a sequence classifier as transformers does, in evaluation mode; ``settings`` go to ``from_pretrained``."""
    from transformers import AutoModelForSequenceClassification
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True, **settings).eval()


def input_names(model: Any) -> tuple[str, ...]:
    """Return the names of the model's inputs; token types are among them only where it tells them apart."""
    return INPUTS if FAMILIES[model.config.model_type].reads_token_types(model.config) else INPUTS[:2]


if __name__ == "__main__":
    sys.exit(main(PyTorchModel))
