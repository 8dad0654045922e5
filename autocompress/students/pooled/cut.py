"""Cuts the perceptron that students without attention end in."""

from __future__ import annotations

from collections.abc import Mapping

from autocompress.students.cutting import Array


def head_slices(arrays: Mapping[str, Array], blocks: int, units: int) -> dict[str, Array]:
    """The head's first layer reads ``blocks`` blocks of features, each cut to its first ``units``."""
    head = {name: array for name, array in arrays.items() if name.startswith("head.")}
    dense = head["head.dense.weight"]
    rows = dense.shape[0]
    head["head.dense.weight"] = dense.reshape(rows, blocks, -1)[:, :, :units].reshape(rows, blocks * units)
    return head
