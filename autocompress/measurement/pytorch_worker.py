"""The worker for the checkpoint as transformers runs it; a process of its own, for torch is heavy."""

from __future__ import annotations

import inspect
import sys
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autocompress.measurement.requests import Request
from autocompress.measurement.worker import main
from autocompress.tasks.batching import INPUTS


class PyTorchModel:
    """A ``*ForSequenceClassification`` folder in fp32, answering requests of numpy arrays."""

    def __init__(self, folder: str, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        self._torch = torch
        self.model = load_classifier(folder)
        self.names = input_names(self.model)

    def run(self, batch: Request, /) -> NDArray[np.float32]:
        """Logits [batch, num_outputs]; converting the arrays is part of serving them."""
        with self._torch.inference_mode():
            logits = self.model(**{name: self._torch.from_numpy(batch[name]) for name in self.names}).logits
        array: NDArray[np.float32] = logits.numpy()
        return array


def load_classifier(folder: str, **settings: Any) -> Any:
    """The model in a Hugging Face folder, in evaluation mode."""
    from transformers import AutoModelForSequenceClassification
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True, **settings).eval()


def input_names(model: Any) -> tuple[str, ...]:
    """The inputs a user of the stock path gives: token types only to models that tell them apart."""
    accepted = inspect.signature(model.forward).parameters
    typed = "token_type_ids" in accepted and getattr(model.config, "type_vocab_size", 0) > 1
    return INPUTS if typed else INPUTS[:2]


if __name__ == "__main__":
    sys.exit(main(PyTorchModel))
