"""Turns trials into sub-networks of the encoder, and sub-networks into parameters of a trial."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import fields
from typing import Any

from autocompress.domain.shape import EncoderShape
from autocompress.students.choice import Choice, Trial, Value
from autocompress.students.configuration import Configuration, own_values
from autocompress.students.registry import dimensions_of
from autocompress.students.student_space import StudentSpace
from autocompress.students.transformer.configuration import LayerConfiguration, TransformerConfiguration
from autocompress.students.transformer.dimensions import KEPT_LAYERS
from autocompress.students.transformer.exits import EXITS, exit_after
from autocompress.system.errors import InputError

STUDENT = TransformerConfiguration.student
LAYER_FIELDS = {field.name for field in fields(LayerConfiguration)}


class TransformerSpace(StudentSpace):
    """The space of the encoder's sub-networks: only kept layers have parameters, and the first is always kept."""

    def __init__(self, shape: EncoderShape, free: AbstractSet[str]) -> None:
        super().__init__(TransformerConfiguration, shape, free)
        per_layer = [d for d in dimensions_of(STUDENT) if d.per_layer]
        del self._choices[KEPT_LAYERS.name], self._choices[EXITS.name]
        depth = range(shape.num_hidden_layers)
        self._exit = EXITS.choice(STUDENT, shape, free)
        self._keep = [KEPT_LAYERS.choice(STUDENT, shape, free if index else frozenset(), index) for index in depth]
        self._layers = [self.choices_of(per_layer, index) for index in depth]

    def suggest(self, trial: Trial) -> TransformerConfiguration:
        """Return the configuration made of the values that the trial suggests."""
        values = {name: choice.suggest(trial) for name, (_, choice) in self._choices.items()}
        layers = tuple(self._layer(index, trial) for index, keep in enumerate(self._keep) if keep.suggest(trial))
        exit_ = EXITS.suggest(self._exit, trial, tuple(layer.index for layer in layers))
        return TransformerConfiguration(**self._arguments({**values, "layers": layers, "exit": exit_}))

    def parameters(self, configuration: Configuration) -> dict[str, Value]:
        """Return the parameters that make ``suggest`` return ``configuration``; InputError if none do."""
        parameters = super().parameters(configuration)
        assert isinstance(configuration, TransformerConfiguration)
        kept = {layer.index: layer for layer in configuration.layers}
        if max(kept) >= len(self._layers):
            raise InputError(f"the teacher has {len(self._layers)} layers, but got a layer with index {max(kept)}")
        for index, keep in enumerate(self._keep):
            keep.record(parameters, index in kept)
            if index in kept:
                self.record(self._layers[index], parameters, kept[index])
        EXITS.record(self._exit, parameters, configuration)
        return parameters

    def all_choices(self) -> Iterable[Choice[Any]]:
        """Return every parameter that a trial of this type may have, except the threshold of exits."""
        yield from super().all_choices()
        yield from self._keep
        for choices in self._layers:
            yield from (choice for _, choice in choices.values())
        yield self._exit
        yield from (exit_after(index) for index in range(len(self._keep) - 1))

    def _layer(self, index: int, trial: Trial) -> LayerConfiguration:
        values = {name: choice.suggest(trial) for name, (_, choice) in self._layers[index].items()}
        return LayerConfiguration(**own_values({"index": index, **values}, STUDENT, True, LAYER_FIELDS))
