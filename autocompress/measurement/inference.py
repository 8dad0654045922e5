"""Outputs of a model over a split, in requests as they will be served."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from autocompress.measurement.requests import Request
from autocompress.system.errors import InputError
from autocompress.tasks.batching import Split, pad_rows


class Runnable(Protocol):
    """What ``autocompress.artifact.session.Session`` offers, and whatever else can answer a request."""

    def run(self, batch: Request, /) -> NDArray[np.float32]:
        """Logits [batch, num_outputs] of one request; inputs the model does not read are ignored."""


def predict(
    session: Runnable, split: Split, batch_size: int, pad_id: int, *, by_length: bool = False
) -> NDArray[np.float32]:
    """Outputs [n, num_outputs] in data order, from requests of ``batch_size`` rows (the last may be smaller).

    Requests are taken in data order, as they will be served: dynamic activation scales and early exits see a whole
    request. ``by_length`` sorts rows by length first, which is faster and right only for models whose outputs do not
    depend on what shares the request (fp32 without exits). InputError if the split is empty.
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
