"""Draws requests as they will be served, real rows of the data padded per request, and stores them as npz files.

A process reads these files with numpy alone. A request is a dict of int64 arrays [batch, sequence]: ``input_ids``,
``attention_mask``, ``token_type_ids``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autocompress.system.errors import InputError
from autocompress.system.files import replacing
from autocompress.tasks.batching import Split, pad_rows

REQUEST_COUNT = 100

Request = dict[str, NDArray[np.int64]]


@dataclass(frozen=True)
class SplitArrays:
    """A split without labels, as ``read_split`` returns it."""

    tokens: NDArray[np.int32]
    type_ids: NDArray[np.int8]
    offsets: NDArray[np.int64]


def draw_requests(
    split: Split, *, batch_size: int, pad_id: int, count: int = REQUEST_COUNT, seed: int = 0
) -> list[Request]:
    """Draw ``count`` requests of ``batch_size`` rows by ``seed``; no row comes twice before every row came once.

    InputError if the split is empty.
    """
    rows = len(split.offsets) - 1
    if rows < 1:
        raise InputError("requests are drawn from at least one row of data, but the split is empty; give it some rows")
    rng = np.random.default_rng(seed)
    wanted = count * batch_size
    order = np.concatenate([rng.permutation(rows) for _ in range(-(-wanted // rows))])[:wanted]
    return [pad_rows(split, index, pad_id) for index in order.reshape(count, batch_size)]


def write_requests(path: Path, requests: Sequence[Request]) -> None:
    """Write requests as one npz of flat arrays, readable without pickle; InputError if there are none."""
    if not requests:
        raise InputError("a request file holds at least one request, but got none; draw some first")
    arrays: dict[str, Any] = {"shapes": np.asarray([request["input_ids"].shape for request in requests], np.int64)}
    for name in requests[0]:
        arrays[name] = np.concatenate([request[name].ravel() for request in requests])
    _save(path, arrays)


def read_requests(path: Path) -> list[Request]:
    """Read the requests that ``write_requests`` wrote, in order."""
    with np.load(path, allow_pickle=False) as file:
        shapes = file["shapes"]
        flat = {name: file[name] for name in file.files if name != "shapes"}
    cuts = np.cumsum(shapes.prod(axis=1))[:-1]
    parts = {name: np.split(array, cuts) for name, array in flat.items()}
    return [
        {name: np.ascontiguousarray(parts[name][i].reshape(shape), np.int64) for name in parts}
        for i, shape in enumerate(shapes)
    ]


def write_split(path: Path, split: Split) -> None:
    """Write the inputs of a split (no labels) as npz."""
    _save(path, {"tokens": split.tokens, "type_ids": split.type_ids, "offsets": split.offsets})


def read_split(path: Path) -> SplitArrays:
    """Read the split that ``write_split`` wrote."""
    with np.load(path, allow_pickle=False) as file:
        return SplitArrays(file["tokens"], file["type_ids"], file["offsets"])


def _save(path: Path, arrays: dict[str, Any]) -> None:
    with replacing(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **arrays)
