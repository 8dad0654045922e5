"""Declares the share of tokens that go on after each encoder layer's attention (PoWER-BERT, Goyal et al. 2020)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

from autocompress.domain.shape import EncoderShape
from autocompress.students.dimension import CostTerm, Dimension, Feature, Label
from autocompress.students.exit_policies import ExitScores
from autocompress.students.token_policies import tokens_of
from autocompress.students.token_policies.attention_received import KEEP_TOKENS as NAME
from autocompress.students.transformer.exits import reach

SHARES = (1.0, 3 / 4, 1 / 2, 1 / 4)
LEAST_LEFT = 0.5
"""Share of tokens above the last layer from which on the teacher's own weights are the better start (an assumption)."""


def token_shares(configuration: Any) -> Iterator[tuple[float, float]]:
    """Yield the shares of a text's tokens before and after each kept layer's attention."""
    reaching = 1.0
    for layer in configuration.layers:
        policy = tokens_of(layer)
        left = reaching if policy is None else reaching * policy.share(layer)
        yield reaching, left
        reaching = left


def eliminations(configuration: Any, shape: EncoderShape, confidences: ExitScores | None) -> float:
    """Return the number of layers that drop tokens, each multiplied by the share of requests that reach it."""
    reached = reach(configuration, confidences)
    drops = (tokens_of(layer) is not None for layer in configuration.layers)
    return float(sum(share for share, drop in zip(reached, drops, strict=True) if drop))


def left_text(values: Sequence[Any]) -> str:
    """Return the share of tokens above the last layer, such as ``0.25``, or an empty string if no token is dropped.

    >>> left_text([1.0, 0.75, 0.5]), left_text([1.0])
    ('0.38', '')
    """
    left = prod(values)
    return f"{left:.2g}" if left < 1 else ""


def options(shape: EncoderShape) -> tuple[float, ...]:
    """Return the shares to choose from: all tokens alone where positions are relative, which dropping would shift."""
    return (1.0,) if shape.relative_attention_num_buckets else SHARES


class KeepTokens(Dimension):
    """Declares the share of its tokens that each layer passes on; those of the layers multiply."""

    def numbers(self, configuration: Any, shape: EncoderShape, confidences: ExitScores | None) -> list[float]:
        """Return the share of tokens that are gone above the last layer, and its mean over the kept layers."""
        gone = [1.0 - after for _, after in token_shares(configuration)]
        return [gone[-1], sum(gone) / len(gone)]

    def is_near_teacher(self, configuration: Any, shape: EncoderShape) -> bool:
        """Return whether the last layer passes on at least ``LEAST_LEFT`` of a text's tokens."""
        return float(prod(self.values(configuration))) >= LEAST_LEFT


KEEP_TOKENS = KeepTokens(
    name=NAME,
    students=("transformer",),
    parameter="layer_{index}_keep_tokens",
    aspect="architecture",
    options=options,
    neutral=lambda shape: 1.0,
    smallest=min,
    label=Label(65, "t", left_text),
    feature=Feature(lambda share, shape: ()),
    per_layer=True,
    omitted=1.0,
    latency={"eliminations": CostTerm(0.01, eliminations)},
)
