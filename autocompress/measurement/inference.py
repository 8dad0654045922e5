"""Predicts a split with a model, in requests as they will be served."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from autocompress.measurement.requests import Request
from autocompress.system.errors import InputError
from autocompress.tasks.batching import Split, pad_rows


class Runnable(Protocol):
    """A model that answers requests, such as ``autocompress.artifact.session.Session``."""

    def run(self, batch: Request, /) -> NDArray[np.float32]:
        """Return the logits [batch, num_outputs] of one request; inputs that the model does not read are ignored."""


def predict(
    session: Runnable, split: Split, batch_size: int, pad_id: int, *, by_length: bool = False
) -> NDArray[np.float32]:
    """Return the outputs [n, num_outputs] in data order, from requests of ``batch_size`` rows, the last maybe smaller.

    Requests are taken in data order, as they will be served: dynamic activation scales and early exits depend on a
    whole request. ``by_length`` sorts the rows by length first, which is faster, and right only for models whose
    output for a row does not depend on the rest of its request (fp32 without exits). InputError if the split is empty.
    """
    rows = len(split.offsets) - 1
    if rows < 1 or batch_size < 1:
        raise InputError(f"outputs need at least one row and a batch of one, but got {rows} rows, batch {batch_size}")
    order = np.argsort(np.diff(split.offsets), kind="stable") if by_length else np.arange(rows)
    parts = [order[start : start + batch_size] for start in range(0, rows, batch_size)]
    outputs = np.concatenate([session.run(pad_rows(split, part, pad_id)) for part in parts])
    result = np.empty(outputs.shape, np.float32)
    result[order] = outputs
    return result
