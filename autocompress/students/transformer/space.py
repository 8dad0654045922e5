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
from autocompress.students.student_space import Choices, StudentSpace
from autocompress.students.transformer.configuration import LayerConfiguration, TransformerConfiguration
from autocompress.students.transformer.convolution import CONVOLUTION
from autocompress.students.transformer.convolved_layers import with_convolutions
from autocompress.students.transformer.dimensions import KEPT_LAYERS
from autocompress.students.transformer.exits import EXITS, exit_after
from autocompress.students.transformer.sharing import OWN_VALUES, SHARING, group_size, weight_owners
from autocompress.system.errors import InputError

STUDENT = TransformerConfiguration.student
LAYER_FIELDS = {field.name for field in fields(LayerConfiguration)}


class TransformerSpace(StudentSpace):
    """The space of the encoder's sub-networks: only kept layers have parameters, and the first is always kept.

    Layers share weights, and the lowest convolve, if there are two of them at least; only the lowest of a group has the
    parameters on which its weights depend. The last layer and groups of it never convolve.
    """

    def __init__(self, shape: EncoderShape, free: AbstractSet[str]) -> None:
        super().__init__(TransformerConfiguration, shape, free)
        per_layer = [d for d in dimensions_of(STUDENT) if d.per_layer and d is not CONVOLUTION]
        for dimension in (KEPT_LAYERS, SHARING, EXITS):
            del self._choices[dimension.name]
        depth = range(shape.num_hidden_layers)
        self._exit, self._sharing = EXITS.choice(STUDENT, shape, free), SHARING.choice(STUDENT, shape, free)
        self._convolutions = CONVOLUTION.choice(STUDENT, shape, free)
        self._keep = [KEPT_LAYERS.choice(STUDENT, shape, free if index else frozenset(), index) for index in depth]
        self._layers = [self.choices_of(per_layer, index) for index in depth]

    def suggest(self, trial: Trial) -> TransformerConfiguration:
        """Return the configuration made of the values that the trial suggests."""
        values = {name: choice.suggest(trial) for name, (_, choice) in self._choices.items()}
        size, layers = 1, list[LayerConfiguration]()
        for index, keep in enumerate(self._keep):
            if keep.suggest(trial):
                size = self._sharing.suggest(trial) if len(layers) == 1 else size
                owner = layers[-(len(layers) % size)] if len(layers) % size else None
                layers.append(self._layer(index, trial, owner))
        number = min(self._convolutions.suggest(trial), len(layers) - 1) if len(layers) > 1 else 0
        values |= {SHARING.name: size, "layers": with_convolutions(layers, number - number % size)}
        exit_ = EXITS.suggest(self._exit, trial, tuple(layer.index for layer in layers))
        return TransformerConfiguration(**self._arguments({**values, "exit": exit_}))

    def parameters(self, configuration: Configuration) -> dict[str, Value]:
        """Return the parameters that make ``suggest`` return ``configuration``; InputError if none do."""
        parameters = super().parameters(configuration)
        assert isinstance(configuration, TransformerConfiguration)
        kept, owners = {layer.index: layer for layer in configuration.layers}, weight_owners(configuration)
        if max(kept) >= len(self._layers):
            raise InputError(f"the teacher has {len(self._layers)} layers, but got a layer with index {max(kept)}")
        if len(kept) > 1:
            self._sharing.record(parameters, group_size(configuration))
            self._convolutions.record(parameters, CONVOLUTION.number_of(configuration))
        for index, keep in enumerate(self._keep):
            keep.record(parameters, index in kept)
            if index in kept:
                self.record(self._asked(index, owners[index] != index), parameters, kept[index])
        EXITS.record(self._exit, parameters, configuration)
        return parameters

    def _asked(self, index: int, shares: bool) -> Choices:
        """Return the parameters of a layer; if it computes with another's weights, only those that are its own."""
        return {name: pair for name, pair in self._layers[index].items() if not shares or name in OWN_VALUES}

    def all_choices(self) -> Iterable[Choice[Any]]:
        """Return every parameter that a trial of this type may have, except the threshold of exits."""
        yield from super().all_choices()
        yield from self._keep
        yield from (self._sharing, self._convolutions)
        for choices in self._layers:
            yield from (choice for _, choice in choices.values())
        yield self._exit
        yield from (exit_after(index) for index in range(len(self._keep) - 1))

    def _layer(self, index: int, trial: Trial, owner: LayerConfiguration | None) -> LayerConfiguration:
        """Return the layer that the trial suggests; what its weights depend on is as in their owner, if another one."""
        values = {} if owner is None else {name: d.value_of(owner) for name, (d, _) in self._layers[index].items()}
        values |= {name: c.suggest(trial) for name, (_, c) in self._asked(index, owner is not None).items()}
        return LayerConfiguration(**own_values({"index": index, **values}, STUDENT, True, LAYER_FIELDS))
