"""Defines a search space: it suggests configurations, and says which parameters give one."""

from __future__ import annotations

from abc import ABC
from typing import ClassVar

import numpy as np

from autocompress.domain.shape import EncoderShape
from autocompress.students import STUDENTS
from autocompress.students.choice import Choice, RandomTrial, Trial, Value
from autocompress.students.configuration import Configuration, configuration_digest
from autocompress.students.student_space import StudentSpace
from autocompress.system.errors import InputError

TEACHERS_OWN = "transformer"


class SearchSpace(ABC):
    """What may vary around one teacher; everything else has the teacher's value, at 8 bits.

    A subclass says by ``varies`` which aspects are free: architecture (layers, widths, vocabulary), precision,
    sparsity, student, exits. The options of a parameter depend on ``shape`` and ``exits`` alone, so a sampler
    sees the same distribution under one name in every trial. ``exits`` says whether the task
    has early exits, which need classes.
    """

    name: ClassVar[str]
    varies: ClassVar[frozenset[str]]

    def __init__(self, shape: EncoderShape, exits: bool = True) -> None:
        self.shape = shape
        self.exits = exits
        varies = self.varies if exits and shape.num_hidden_layers > 1 else self.varies - {"exits"}
        if not varies:
            raise InputError(
                f"space {self.name!r} needs a classification task and a teacher of at least 2 layers, but got "
                f"{'1 layer' if exits else 'regression'}; choose another --space"
            )
        kinds = [name for name in STUDENTS if "student" in varies or name == TEACHERS_OWN]
        self._spaces: dict[str, StudentSpace] = {name: STUDENTS[name].space(shape, varies) for name in kinds}
        self._student = Choice("student", tuple(kinds), TEACHERS_OWN)

    @property
    def students(self) -> tuple[str, ...]:
        """The student types in this space; each needs a super-network."""
        return self._student.options

    def suggest(self, trial: Trial) -> Configuration:
        """The configuration that the trial chooses."""
        return self._spaces[self._student.suggest(trial)].suggest(trial)

    def parameters(self, configuration: Configuration) -> dict[str, Value]:
        """The parameters for which ``suggest`` gives ``configuration``; InputError if it is outside the space."""
        parameters: dict[str, Value] = {}
        self._student.record(parameters, configuration.student)
        return parameters | self._spaces[configuration.student].parameters(configuration)

    def sample(self, rng: np.random.Generator, student: str | None = None) -> Configuration:
        """A random configuration (every parameter uniform), of the given student type if one is given."""
        if student is not None and student not in self.students:
            raise InputError(f"student must be one of {', '.join(self.students)} in this space, but got {student!r}")
        return self.suggest(RandomTrial(rng, None if student is None else {"student": student}))

    def smallest(self, student: str) -> Configuration:
        """The configuration of a student type that gives the smallest and fastest model."""
        return self._spaces[student].smallest()

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
        """Configurations of this space to measure first, the most useful first, each once; uniform int8 leads."""
        designs = [one for name in STUDENTS for one in STUDENTS[name].designs(self.shape, exits=self.exits)]
        found: dict[str, Configuration] = {}
        for _, design in sorted(designs, key=lambda placed: placed[0]):
            if design in self:
                found.setdefault(configuration_digest(design), design)
        return list(found.values())

    def __contains__(self, configuration: Configuration) -> bool:
        try:
            self.parameters(configuration)
        except InputError:
            return False
        return True
