"""Cuts the perceptron at the end of students without attention."""

from __future__ import annotations

from collections.abc import Mapping

from autocompress.students.cutting import Array


def head_slices(arrays: Mapping[str, Array], blocks: int, units: int) -> dict[str, Array]:
    """Return the head's weights, its first layer cut to the first ``units`` features of each of ``blocks`` blocks.

    Blocks are the directions and kinds of pooling (mean and maximum), which are concatenated in front of the head.
    """
    head = {name: array for name, array in arrays.items() if name.startswith("head.")}
    dense = head["head.dense.weight"]
    rows = dense.shape[0]
    head["head.dense.weight"] = dense.reshape(rows, blocks, -1)[:, :, :units].reshape(rows, blocks * units)
    return head


def leading_blocks(arrays: Mapping[str, Array], name: str, blocks: int, width: int) -> dict[str, Array]:
    """Return the first ``width`` rows of a linear layer, and the first ``width`` columns of each of its ``blocks``."""
    weight, bias = arrays[f"{name}.weight"], arrays[f"{name}.bias"]
    kept = weight.reshape(len(bias), blocks, -1)[:width, :, :width]
    return {f"{name}.weight": kept.reshape(width, blocks * width), f"{name}.bias": bias[:width]}
