"""Declares early exits as a dimension: off, or a policy with a threshold and the kept layers that an exit follows."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autocompress.domain.shape import EncoderShape
from autocompress.students.choice import Choice, Trial, Value
from autocompress.students.dimension import Dimension, Feature, Label
from autocompress.students.exit_policies import EXIT_POLICIES, ExitScores
from autocompress.students.transformer.configuration import ExitConfiguration, TransformerConfiguration
from autocompress.system.errors import InputError

OFF = "off"


def policies_of(shape: EncoderShape) -> tuple[str, ...]:
    """Return the policies that a search chooses from: those of enough classes and layers."""
    exits = shape.num_hidden_layers - 1
    return tuple(name for name, policy in EXIT_POLICIES.items() if policy.suits(shape.num_outputs, exits))


def reach(configuration: TransformerConfiguration, confidences: ExitScores | None) -> NDArray[np.float64]:
    """Return the share [L] of requests that reach each kept layer.

    ``confidences`` score the exits; without them no request exits.
    """
    kept, exit_ = configuration.kept_layers, configuration.exit
    shares = np.ones(len(kept))
    if exit_ is None or confidences is None or not confidences.requests:
        return shares
    scores = dict(zip(exit_.layers, confidences.at(EXIT_POLICIES[exit_.policy], exit_.layers), strict=True))
    inside = np.ones(confidences.requests, bool)
    for place, index in enumerate(kept[:-1]):
        if index in scores:
            inside &= scores[index] <= exit_.threshold
        shares[place + 1] = inside.mean()
    return shares


def threshold_text(exits: Sequence[ExitConfiguration | None]) -> str:
    """Return the policy and its threshold as text, or an empty string without exits."""
    return "".join(EXIT_POLICIES[one.policy].label(one.threshold) for one in exits if one is not None)


def exit_after(index: int) -> Choice[bool]:
    """Return the parameter that tells whether an exit follows the layer ``index``, if there are exits at all."""
    return Choice(f"exit_layer_{index}", (True, False), False)


class Exits(Dimension):
    """Declares the policy of early exits; a trial has it only if at least two layers are kept."""

    def numbers(self, configuration: Any, shape: EncoderShape, confidences: ExitScores | None) -> list[float]:
        """Return the policy's eagerness (0 without exits), and the mean share of layers that requests do not reach."""
        exit_ = configuration.exit
        return [
            0.0 if exit_ is None else EXIT_POLICIES[exit_.policy].eagerness(exit_.threshold),
            1.0 - float(reach(configuration, confidences).mean()),
        ]

    def is_near_teacher(self, configuration: Any, shape: EncoderShape) -> bool:
        """Return True: exits change no weights."""
        return True

    def keeps_teacher_layers(self, configuration: Any, shape: EncoderShape) -> bool:
        """Return True: exits change no layers."""
        return True

    def suggest(self, rule: Choice[str], trial: Trial, kept: tuple[int, ...]) -> ExitConfiguration | None:
        """Return the exits that the trial suggests, or None where they are off or the policy needs more kept layers.

        ``rule`` is the parameter of the policy, ``kept`` the indices of the kept layers. A threshold that needs more
        exits than there can be is lowered. If the trial puts fewer than it needs, they are after the first layers.
        """
        name, most = OFF if len(kept) < 2 else rule.suggest(trial), len(kept) - 1
        if name == OFF or EXIT_POLICIES[name].within(inf, most) is None:
            return None
        policy, grid = EXIT_POLICIES[name], EXIT_POLICIES[name].thresholds
        suggested = trial.suggest_float(grid.parameter, grid.low, grid.high, step=grid.step)
        threshold = policy.within(round(suggested, 2), most) or grid.low
        layers = tuple(index for index in kept[:-1] if exit_after(index).suggest(trial))
        needed = policy.heads_needed(threshold)
        return ExitConfiguration(layers if len(layers) >= needed else kept[:needed], threshold, name)

    def record(
        self, rule: Choice[str], parameters: MutableMapping[str, Value], configuration: TransformerConfiguration
    ) -> None:
        """Add to ``parameters`` those with which ``suggest`` returns the configuration's exits.

        InputError if the space does not contain them.
        """
        kept, exit_ = configuration.kept_layers, configuration.exit
        if len(kept) < 2:
            return
        rule.record(parameters, OFF if exit_ is None else exit_.policy)
        if exit_ is None:
            return
        grid = EXIT_POLICIES[exit_.policy].thresholds
        if exit_.threshold not in grid.values:
            raise InputError(
                f"{grid.parameter} must be {grid.low} to {grid.high} in steps of {grid.step} in this space, but got "
                f"{exit_.threshold}"
            )
        parameters[grid.parameter] = exit_.threshold
        for index in kept[:-1]:
            exit_after(index).record(parameters, index in exit_.layers)


EXITS = Exits(
    name="exit",
    students=("transformer",),
    parameter="exit",
    aspect="exits",
    options=lambda shape: (OFF, *policies_of(shape)),
    neutral=lambda shape: OFF,
    smallest=lambda options: OFF,
    label=Label(110, "exit", threshold_text),
    feature=Feature(lambda value, shape: ()),
)
