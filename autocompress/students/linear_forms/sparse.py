"""Sets the smallest weights of a linear layer to zero; the file holds a bit mask and the others."""

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
    """The weight [out, in] after pruning by magnitude (Han et al. 2015), then rounding."""
    return dense.approximated(prune(weight, settings.sparsity), settings)


def emitted(graph: GraphBuilder, x: str, weights: Sequence[Floats], bias: Floats, settings: LinearSettings) -> str:
    """One dense product of weights that are each pruned on their own and unpacked when the session loads."""
    pruned = [prune(weight, settings.sparsity) for weight in weights]
    return dense.emitted(graph, x, pruned, bias, settings, sparse=True)


def stored_bytes(rows: int, columns: int, settings: LinearSettings) -> float:
    """A bit for each place and the others' bits, or all weights where that is less."""
    count = rows * columns
    masked = count / 8 + count * (1 - settings.sparsity) * settings.bits / 8
    return min(dense.stored_bytes(rows, columns, settings), masked)


SPARSE = LinearForm(lambda settings: settings.sparsity > 0, approximated, emitted, dense.multiplications, stored_bytes)
