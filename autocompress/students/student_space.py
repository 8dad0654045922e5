"""Turns trials into configurations of one student type, and configurations into parameters of a trial."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from collections.abc import Set as AbstractSet
from dataclasses import fields
from typing import Any

from autocompress.domain.shape import EncoderShape
from autocompress.students.choice import Choice, RandomTrial, Trial, Value
from autocompress.students.configuration import Configuration, own_values
from autocompress.students.dimension import Dimension
from autocompress.students.registry import dimensions_of
from autocompress.system.errors import InputError

Choices = dict[str, tuple[Dimension, Choice[Any]]]


class StudentSpace:
    """The search space of one student type: dimensions of the aspects ``free`` vary, others have neutral values.

    ``kind`` is the type's class of configurations, ``shape`` the teacher's.
    """

    def __init__(self, kind: type[Configuration], shape: EncoderShape, free: AbstractSet[str]) -> None:
        self.kind, self.shape, self.free = kind, shape, free
        self._choices = self.choices_of(d for d in dimensions_of(kind.student) if not d.per_layer)

    def choices_of(self, dimensions: Iterable[Dimension], index: int = 0) -> Choices:
        """Return each dimension with its trial parameter (for the layer ``index``), by the dimension's name."""
        return {d.name: (d, d.choice(self.kind.student, self.shape, self.free, index)) for d in dimensions}

    def suggest(self, trial: Trial) -> Configuration:
        """Return the configuration made of the values that the trial suggests."""
        return self.kind(**self._arguments({name: c.suggest(trial) for name, (_, c) in self._choices.items()}))

    def parameters(self, configuration: Configuration) -> dict[str, Value]:
        """Return the parameters that make ``suggest`` return ``configuration``; InputError if none do."""
        if not isinstance(configuration, self.kind):
            raise InputError(f"a {self.kind.student} configuration is needed, but got a {configuration.student}")
        parameters: dict[str, Value] = {}
        self.record(self._choices, parameters, configuration)
        return parameters

    def smallest(self) -> Configuration:
        """Return the configuration in which every value gives the smallest and fastest model."""
        return self.suggest(RandomTrial(None, {choice.name: choice.smallest for choice in self.all_choices()}))

    def all_choices(self) -> Iterable[Choice[Any]]:
        """Return every parameter that a trial of this type may have."""
        return (choice for _, choice in self._choices.values())

    @staticmethod
    def record(choices: Choices, parameters: MutableMapping[str, Value], holder: Any) -> None:
        """Add the values of ``holder``, a configuration or a layer, to ``parameters``.

        InputError if one of them is not an option.
        """
        for dimension, choice in choices.values():
            choice.record(parameters, dimension.value_of(holder))

    def _arguments(self, values: dict[str, Any]) -> dict[str, Any]:
        own = {field.name for field in fields(self.kind)}  # type: ignore[arg-type]
        return own_values(values, self.kind.student, False, own)
