"""Defines the base of search spaces, which turn trials into configurations and configurations into parameters."""

from __future__ import annotations

from abc import ABC
from collections.abc import Collection
from typing import ClassVar

import numpy as np

from autocompress.domain.shape import EncoderShape
from autocompress.students import STUDENTS
from autocompress.students.choice import Choice, RandomTrial, Trial, Value
from autocompress.students.configuration import Configuration, configuration_digest
from autocompress.students.student_space import StudentSpace
from autocompress.students.transformer.exits import policies_of
from autocompress.system.errors import InputError

TEACHERS_OWN = "transformer"


class SearchSpace(ABC):
    """Suggests students of one teacher; aspects that do not vary keep the teacher's values, at 8 bits.

    A subclass lists the aspects that vary in ``varies``: architecture (layers, widths, vocabulary), precision,
    sparsity, student (the type), exits. ``shape`` is the teacher's; ``exits`` tells whether the task allows early
    exits, and ``pair`` whether it compares two texts, for which there are student types of their own; ``students``
    limits the types to some names. The options of a parameter depend on these alone, so a sampler sees the same
    distribution under one name in every trial. InputError if no aspect is left to vary.

    >>> from optuna.trial import FixedTrial
    >>> from autocompress.students.configuration import describe
    >>> from search_spaces import SEARCH_SPACES
    >>> shape = EncoderShape(
    ...     num_hidden_layers=2, hidden_size=384, num_attention_heads=12, intermediate_size=1536, vocab_size=30522,
    ...     max_positions=512, type_vocab_size=2, num_outputs=2, embedding_size=384,
    ... )
    >>> space = SEARCH_SPACES["sparsity"](shape)
    >>> configuration = space.suggest(FixedTrial({"layer_0_sparsity": 0.5, "layer_1_sparsity": 0.8}))
    >>> describe(configuration)
    'L2 H384 A12 F1536 w8 s0.8 e8 v30522'
    >>> space.parameters(configuration)
    {'layer_0_sparsity': 0.5, 'layer_1_sparsity': 0.8}
    """

    name: ClassVar[str]
    varies: ClassVar[frozenset[str]]

    def __init__(
        self, shape: EncoderShape, exits: bool = True, pair: bool = False, students: Collection[str] | None = None
    ) -> None:
        self.shape = shape
        self.exits = exits
        varies = self.varies if exits and policies_of(shape) else self.varies - {"exits"}
        if not varies:
            raise InputError(
                f"space {self.name!r} needs a task that allows early exits and a teacher of at least 2 layers, 3 in a "
                f"regression, but got {shape.num_hidden_layers if exits else 'another task'}; choose another --space"
            )
        kinds = [
            name
            for name, kind in STUDENTS.items()
            if name == TEACHERS_OWN
            or ("student" in varies and kind.suits(pair=pair) and name in (students or STUDENTS))
        ]
        self._spaces: dict[str, StudentSpace] = {name: STUDENTS[name].space(shape, varies) for name in kinds}
        self._student = Choice("student", tuple(kinds), TEACHERS_OWN)

    @property
    def students(self) -> tuple[str, ...]:
        """Names of the student types in this space, for each of which a super-network is trained."""
        return self._student.options

    def suggest(self, trial: Trial) -> Configuration:
        """Return the configuration made of the values that ``trial`` suggests, such as an ``optuna.Trial``."""
        return self._spaces[self._student.suggest(trial)].suggest(trial)

    def parameters(self, configuration: Configuration) -> dict[str, Value]:
        """Return the parameters that make ``suggest`` return ``configuration``; InputError if it is outside the space.

        Parameters with a single option are constants, which a trial does not have.
        """
        parameters: dict[str, Value] = {}
        self._student.record(parameters, configuration.student)
        return parameters | self._spaces[configuration.student].parameters(configuration)

    def sample(self, rng: np.random.Generator, student: str | None = None) -> Configuration:
        """Draw every parameter uniformly and return the configuration; ``student`` fixes the student type.

        InputError if the space has no such type.
        """
        if student is not None and student not in self.students:
            raise InputError(f"student must be one of {', '.join(self.students)} in this space, but got {student!r}")
        return self.suggest(RandomTrial(rng, None if student is None else {"student": student}))

    def smallest(self, student: str) -> Configuration:
        """Return the configuration of a student type in which every value gives the smallest and fastest model."""
        return self._spaces[student].smallest()

    def mutated(
        self, configuration: Configuration, rng: np.random.Generator, rate: float, other: Configuration | None = None
    ) -> Configuration:
        """Return ``configuration`` with each parameter but the student type redrawn with probability ``rate``.

        With ``other``, a configuration of the same student type, each parameter is first taken from it with
        probability 0.5 (uniform crossover).
        """
        parameters = self.parameters(configuration)
        if other is not None:
            theirs = self.parameters(other)
            parameters.update({name: theirs[name] for name in theirs if rng.random() < 0.5})
        kept = {name: value for name, value in parameters.items() if name == "student" or rng.random() >= rate}
        return self.suggest(RandomTrial(rng, kept))

    def initial_designs(self) -> list[Configuration]:
        """Return the distinct configurations of this space to measure before any is proposed, the most useful first.

        The first is the teacher in uniform int8, if it is in the space.
        """
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
