"""Prunes the smallest weights of a linear layer; the file stores the others and a bit mask of their positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from autocompress.compression.quantization import Floats
from autocompress.compression.sparsity import prune
from autocompress.students.linear_forms import dense
from autocompress.students.linear_forms.form import LinearForm, LinearSettings

if TYPE_CHECKING:
    from autocompress.artifact.graph import GraphBuilder


def approximated(weight: Floats, settings: LinearSettings) -> Floats:
    """Return the weight [out, in] pruned by magnitude (Han et al. 2015), then rounded to its bits."""
    return dense.approximated(prune(weight, settings.sparsity), settings)


def emitted(graph: GraphBuilder, x: str, weights: Sequence[Floats], bias: Floats, settings: LinearSettings) -> str:
    """Add one dense product of weights that are pruned separately and unpacked when the session loads."""
    pruned = [prune(weight, settings.sparsity) for weight in weights]
    return dense.emitted(graph, x, pruned, bias, settings, sparse=True)


def stored_bytes(rows: int, columns: int, settings: LinearSettings) -> float:
    """Return the bytes of a mask (a bit per weight) and the non-zero weights, or of all weights if those are fewer."""
    count = rows * columns
    masked = count / 8 + count * (1 - settings.sparsity) * settings.bits / 8
    return min(dense.stored_bytes(rows, columns, settings), masked)


SPARSE = LinearForm(lambda settings: settings.sparsity > 0, approximated, emitted, dense.multiplications, stored_bytes)
