"""Declares early exits as a dimension: off, or a policy with a threshold and the kept layers that an exit follows."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autocompress.domain.shape import EncoderShape
from autocompress.students.choice import Choice, Trial, Value
from autocompress.students.dimension import Confidences, Dimension, Feature, Label
from autocompress.students.exit_policies import EXIT_POLICIES
from autocompress.students.transformer.configuration import ExitConfiguration, TransformerConfiguration
from autocompress.system.errors import InputError

OFF = "off"
THRESHOLD_LOW, THRESHOLD_HIGH, THRESHOLD_STEP = 0.5, 0.98, 0.02
THRESHOLDS = tuple(round(THRESHOLD_LOW + THRESHOLD_STEP * step, 2) for step in range(25))


def reach(configuration: TransformerConfiguration, confidences: Confidences | None) -> NDArray[np.float64]:
    """Return the share [L] of requests that reach each kept layer.

    ``confidences`` [layers of the teacher, requests] are the scores at an exit after each layer; without them no
    request exits.
    """
    kept = configuration.kept_layers
    shares = np.ones(len(kept))
    if configuration.exit is None or confidences is None or not confidences.size:
        return shares
    inside = np.ones(confidences.shape[1], bool)
    for place, index in enumerate(kept[:-1]):
        if index in configuration.exit.layers:
            inside &= confidences[index] <= configuration.exit.threshold
        shares[place + 1] = inside.mean()
    return shares


def threshold_text(exits: Sequence[ExitConfiguration | None]) -> str:
    """Return the threshold as text, or an empty string without exits."""
    return "".join(f">{one.threshold:.2f}" for one in exits if one is not None)


def exit_after(index: int) -> Choice[bool]:
    """Return the parameter that tells whether an exit follows the layer ``index``, if there are exits at all."""
    return Choice(f"exit_layer_{index}", (True, False), False)


class Exits(Dimension):
    """Declares the policy of early exits; a trial has it only if at least two layers are kept."""

    def numbers(self, configuration: Any, shape: EncoderShape, confidences: Confidences | None) -> list[float]:
        """Return one minus the threshold (0 without exits), and the mean share of layers that requests do not reach."""
        exit_ = configuration.exit
        return [
            0.0 if exit_ is None else 1.0 - exit_.threshold,
            1.0 - float(reach(configuration, confidences).mean()),
        ]

    def is_near_teacher(self, configuration: Any, shape: EncoderShape) -> bool:
        """Return True: exits change no weights."""
        return True

    def keeps_teacher_layers(self, configuration: Any, shape: EncoderShape) -> bool:
        """Return True: exits change no layers."""
        return True

    def suggest(self, rule: Choice[str], trial: Trial, kept: tuple[int, ...]) -> ExitConfiguration | None:
        """Return the exits that the trial suggests, or None where they are off or fewer than two layers are kept.

        ``rule`` is the parameter of the policy, ``kept`` the indices of the kept layers. If the trial puts an exit
        after none of them, there is one after the first.
        """
        policy = OFF if len(kept) < 2 else rule.suggest(trial)
        if policy == OFF:
            return None
        threshold = trial.suggest_float("exit_threshold", THRESHOLD_LOW, THRESHOLD_HIGH, step=THRESHOLD_STEP)
        layers = tuple(index for index in kept[:-1] if exit_after(index).suggest(trial))
        return ExitConfiguration(layers or kept[:1], round(threshold, 2), policy)

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
        if exit_.threshold not in THRESHOLDS:
            raise InputError(
                f"exit_threshold must be {THRESHOLD_LOW} to {THRESHOLD_HIGH} in steps of {THRESHOLD_STEP} in this "
                f"space, but got {exit_.threshold}"
            )
        parameters["exit_threshold"] = exit_.threshold
        for index in kept[:-1]:
            exit_after(index).record(parameters, index in exit_.layers)


EXITS = Exits(
    name="exit",
    students=("transformer",),
    parameter="exit",
    aspect="exits",
    options=lambda shape: (OFF, *EXIT_POLICIES),
    neutral=lambda shape: OFF,
    smallest=lambda options: OFF,
    label=Label(110, "exit", threshold_text),
    feature=Feature(lambda value, shape: ()),
)
