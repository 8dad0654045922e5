"""Declares cross-layer parameter sharing (ALBERT, Lan et al. 2020, sections 3.1 and 4.5; survey 3.6).

The kept layers fall into groups of neighbours; the layers of a group compute with the weights of its lowest one. Those
are picked rather than averaged: heads and neurons of two layers do not correspond, so that a mean of their matrices is
neither, and a super-network trains one parameter for a group as well as for that layer alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from autocompress.domain.shape import EncoderShape
from autocompress.students.dimension import Dimension, Feature, Label
from autocompress.students.exit_policies import ExitScores
from autocompress.students.token_policies.attention_received import KEEP_TOKENS
from autocompress.system.errors import InputError

NAME = "sharing"
SIZES = (1, 2, 3)
OWN_VALUES = frozenset({KEEP_TOKENS})
"""Values that layers of one group need not have in common, since no weight depends on them."""


def group_size(configuration: Any) -> int:
    """Return the number of layers in a group; 1 if every layer has weights of its own."""
    return int(dict(configuration.extra).get(NAME, 1))


def weight_owners(configuration: Any) -> dict[int, int]:
    """Return, by the index of each kept layer, the index of the layer whose weights it computes with."""
    kept, size = configuration.kept_layers, group_size(configuration)
    return {index: kept[place - place % size] for place, index in enumerate(kept)}


def owning_layers(configuration: Any) -> Sequence[Any]:
    """Return the configurations of the layers that have weights: the lowest of each group."""
    owning: Sequence[Any] = configuration.layers[:: group_size(configuration)]
    return owning


def check_groups(configuration: Any) -> None:
    """Raise InputError unless the group size is a whole number and the layers of a group are of one kind."""
    size = dict(configuration.extra).get(NAME, 1)
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise InputError(f"{NAME}, the number of layers in a group, must be a whole number from 1, but got {size!r}")
    for place, layer in enumerate(configuration.layers):
        owner = configuration.layers[place - place % size]
        if _weights_of(layer) != _weights_of(owner):
            raise InputError(
                f"layers that share weights must have equal sizes, bits and sparsity, but layers {owner.index} and "
                f"{layer.index} differ; make them equal or set {NAME} to 1"
            )


def _weights_of(layer: Any) -> Any:
    """Return what the weights of a layer depend on."""
    extra = tuple(pair for pair in layer.extra if pair[0] not in OWN_VALUES)
    return replace(layer, index=0, extra=extra)


def size_text(values: Sequence[Any]) -> str:
    """Return the group size, or an empty string if every layer has weights of its own."""
    return "".join(str(size) for size in values if size > 1)


class Sharing(Dimension):
    """Declares how many neighbouring layers share their weights; a trial has it only if at least two are kept."""

    def numbers(self, configuration: Any, shape: EncoderShape, confidences: ExitScores | None) -> list[float]:
        """Return the share of the kept layers that have no weights of their own."""
        return [1.0 - len(owning_layers(configuration)) / len(configuration.layers)]


def sizes(shape: EncoderShape) -> Iterator[int]:
    """Yield the group sizes to choose from, up to that of one group for all layers."""
    yield from (size for size in SIZES if size < shape.num_hidden_layers)
    yield shape.num_hidden_layers


SHARING = Sharing(
    name=NAME,
    students=("transformer",),
    parameter="sharing",
    aspect="architecture",
    options=lambda shape: tuple(sizes(shape)),
    neutral=lambda shape: 1,
    smallest=max,
    label=Label(15, "g", size_text),
    feature=Feature(lambda size, shape: ()),
    omitted=1,
)
