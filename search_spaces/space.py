"""The contract of a search space: suggest a configuration, and say which parameters give one."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from autocompress.domain.shape import EncoderShape
from autocompress.students.configuration import STUDENTS, Configuration, configuration_digest
from autocompress.system.errors import InputError
from search_spaces.choice import Choice, RandomTrial, Trial, Value
from search_spaces.initial_designs import designs
from search_spaces.shallow import BiLSTMDimensions, CNNDimensions
from search_spaces.transformer import TransformerDimensions


class SearchSpace(ABC):
    """What may vary around one teacher; everything else stays the teacher's, at 8 bits.

    A subclass says by ``varies`` which aspects are free: architecture (layers, widths, vocabulary), precision,
    sparsity, student, exits. The options of a parameter depend on ``shape`` and ``regression`` alone, so a sampler
    sees the same distribution under one name in every trial. Early exits exist for classification only.
    """

    name: ClassVar[str]
    varies: ClassVar[frozenset[str]]

    def __init__(self, shape: EncoderShape, regression: bool = False) -> None:
        self.shape = shape
        self.regression = regression
        varies = self.varies - {"exits"} if regression or shape.num_hidden_layers < 2 else self.varies
        if not varies:
            raise InputError(
                f"space {self.name!r} needs a classification task and a teacher of at least 2 layers, but got "
                f"{'regression' if regression else '1 layer'}; choose another --space"
            )
        self._dimensions: Mapping[str, TransformerDimensions | BiLSTMDimensions | CNNDimensions] = {
            "transformer": TransformerDimensions(shape, varies),
            **(
                {"bilstm": BiLSTMDimensions(shape, varies), "cnn": CNNDimensions(shape, varies)}
                if "student" in varies
                else {}
            ),
        }
        self._student = Choice("student", tuple(name for name in STUDENTS if name in self._dimensions))

    @property
    def students(self) -> tuple[str, ...]:
        """The student types in this space; each needs a super-network."""
        return self._student.options

    def suggest(self, trial: Trial) -> Configuration:
        """The configuration the trial chooses."""
        return self._dimensions[self._student.suggest(trial)].suggest(trial)

    def parameters(self, configuration: Configuration) -> dict[str, Value]:
        """The parameters for which ``suggest`` gives ``configuration``; InputError if it is outside the space."""
        parameters: dict[str, Value] = {}
        self._student.record(parameters, configuration.student)
        return parameters | self._dimensions[configuration.student].parameters(configuration)

    def sample(self, rng: np.random.Generator, student: str | None = None) -> Configuration:
        """A random configuration (every parameter uniform), of the given student type if one is given."""
        if student is not None and student not in self.students:
            raise InputError(f"student must be one of {', '.join(self.students)} in this space, but got {student!r}")
        return self.suggest(RandomTrial(rng, None if student is None else {"student": student}))

    def mutated(
        self, configuration: Configuration, rng: np.random.Generator, rate: float, other: Configuration | None = None
    ) -> Configuration:
        """A neighbour of ``configuration``: each of its parameters is drawn anew with probability ``rate``.

        With ``other``, of the same student type, about half of the parameters are taken from it first.
        """
        parameters = self.parameters(configuration)
        if other is not None:
            theirs = self.parameters(other)
            parameters.update({name: theirs[name] for name in theirs if rng.random() < 0.5})
        kept = {name: value for name, value in parameters.items() if name == "student" or rng.random() >= rate}
        return self.suggest(RandomTrial(rng, kept))

    def initial_designs(self) -> list[Configuration]:
        """Designs of this space to measure first, the most useful first, each once; the first is uniform int8."""
        found: dict[str, Configuration] = {}
        for design in designs(self.shape, self.regression):
            if design in self:
                found.setdefault(configuration_digest(design), design)
        return list(found.values())

    def __contains__(self, configuration: Configuration) -> bool:
        try:
            self.parameters(configuration)
        except InputError:
            return False
        return True
