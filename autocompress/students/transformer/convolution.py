"""Declares how many of the lowest encoder layers convolve instead of attending (WaLDORf, Tian et al. 2021; survey 5).

Kernels start from the attention of the teacher, averaged by the distance of query and key (``average_attention``). In
a fine-tuned MiniLM-L6 the lowest layer can so be replaced without training and without loss; in tasks of single texts
the second can, too, while pairs lose 5 points or more with it (scripts/compare_convolutions.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from autocompress.domain.shape import EncoderShape
from autocompress.students.attention_forms.convolution import NAME, width_of
from autocompress.students.choice import Choice
from autocompress.students.dimension import CostTerm, Dimension, Feature, Label
from autocompress.students.exit_policies import ExitScores
from autocompress.students.transformer.convolved_layers import WIDTH, convolutions
from autocompress.students.transformer.exits import reach
from autocompress.system.errors import InputError

NEAR_SHARE = 1 / 3
"""Share of the kept layers up to which the teacher's own weights, with averaged attention, are the better start."""


def convolved_heads(configuration: Any, shape: EncoderShape, scores: ExitScores | None) -> float:
    """Return the tens of heads that convolve, each multiplied by the share of requests that reach it."""
    reached = reach(configuration, scores)
    pairs = zip(configuration.layers, reached, strict=True)
    return float(sum(share * layer.num_attention_heads / 10 for layer, share in pairs if width_of(layer)))


def count_text(values: Sequence[Any]) -> str:
    """Return the number of layers that convolve, or an empty string if none does."""
    return str(sum(value > 0 for value in values) or "")


class Convolution(Dimension):
    """Declares the width of each layer's kernels; a trial chooses how many of the lowest layers have any."""

    def choice(self, student: str, shape: EncoderShape, free: AbstractSet[str], index: int = 0) -> Choice[Any]:
        """Return the trial's parameter: the number of lowest layers that convolve, up to half of the teacher's."""
        most = shape.num_hidden_layers // 2 if self.aspect in free and WIDTH in self.options(shape) else 0
        return Choice(self.parameter, tuple(range(most + 1)), most)

    def is_near_teacher(self, configuration: Any, shape: EncoderShape) -> bool:
        """Return whether at most ``NEAR_SHARE`` of the kept layers convolve."""
        return convolutions(configuration) <= NEAR_SHARE * len(configuration.layers)

    def number_of(self, configuration: Any) -> int:
        """Return the number of layers that convolve; InputError unless they are the lowest, below one that attends."""
        places = [place for place, layer in enumerate(configuration.layers) if width_of(layer)]
        widths = {width_of(layer) for layer in configuration.layers} - {0, WIDTH}
        if widths or places != list(range(len(places))) or len(places) == len(configuration.layers):
            raise InputError(
                f"in this space only the lowest layers convolve, not all, over {WIDTH} tokens, but got layers at "
                f"{places} of {len(configuration.layers)}"
            )
        return len(places)


CONVOLUTION = Convolution(
    name=NAME,
    students=("transformer",),
    parameter="convolutions",
    aspect="architecture",
    options=lambda shape: (0, WIDTH),
    neutral=lambda shape: 0,
    smallest=max,
    label=Label(17, "c", count_text),
    feature=Feature(lambda width, shape: (float(width > 0),)),
    per_layer=True,
    omitted=0,
    latency={"convolved_heads": CostTerm(0.008, convolved_heads)},
)
