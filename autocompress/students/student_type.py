"""Defines the contract of a student type: one record declares everything that the program needs to know about it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from autocompress.domain.shape import EncoderShape
from autocompress.networks.weights import Arrays
from autocompress.students.configuration import Configuration
from autocompress.students.dimension import CostTerm, feature_numbers
from autocompress.students.exit_policies import ExitScores
from autocompress.students.linear_forms import LinearSettings, form_of
from autocompress.students.recipe import Recipe, Shares
from autocompress.students.registry import dimensions_of
from autocompress.students.student_space import StudentSpace

if TYPE_CHECKING:
    from onnx import ModelProto

    from autocompress.artifact.blocks import GraphInputs
    from autocompress.students.elastic import ElasticNetwork


@dataclass(frozen=True)
class Matrix:
    """Describes one linear layer: its weight is [rows, columns] (outputs, inputs) and is stored by ``settings``."""

    rows: int
    columns: int
    settings: LinearSettings


class StudentType(ABC):
    """Declares a family of networks that a teacher can be compressed to.

    ``name`` equals the ``student`` of its class of configurations, ``configuration``; the words ``prefix`` begin their
    descriptions. The aspects ``always_free`` vary in every search space that contains the type. ``from_teacher`` tells
    whether some configurations are cut from the teacher itself instead of a super-network. ``recipe`` is used to train
    the super-network, and ``alone`` to train a single configuration; ``shares`` is the type's part of the time in which
    super-networks train. Methods import torch and onnx themselves, so that defining a type does not. TypeError names
    an attribute that a subclass does not define.
    """

    name: ClassVar[str]
    prefix: ClassVar[tuple[str, ...]]
    configuration: ClassVar[type[Configuration]]
    always_free: ClassVar[frozenset[str]]
    from_teacher: ClassVar[bool]
    recipe: ClassVar[Recipe]
    alone: ClassVar[Recipe]
    shares: ClassVar[Shares]
    reads_word_states: ClassVar[bool] = False
    """Whether the type starts from the teacher's hidden states of single words too, which take seconds to compute."""

    def __init__(self) -> None:
        missing = [name for name in StudentType.__annotations__ if not hasattr(self, name)]
        if missing:
            raise TypeError(f"{type(self).__name__} must define {', '.join(missing)}")

    @abstractmethod
    def designs(self, shape: EncoderShape, *, exits: bool) -> Iterable[tuple[float, Configuration]]:
        """Yield configurations to measure first, each with its rank among the designs of all types, the lowest first.

        Rank 0 is the teacher in 8 bits. ``exits`` tells whether the task allows early exits.
        """

    @abstractmethod
    def initial(
        self, teacher: Arrays, shape: EncoderShape, configurations: Sequence[Configuration], seed: int
    ) -> tuple[EncoderShape, Arrays]:
        """Return the shape and the weights of an untrained super-network from which all ``configurations`` can be cut.

        ``teacher`` and ``shape`` are the teacher's weights and shape; ``seed`` decides the random weights.
        """

    @abstractmethod
    def network(self, shape: EncoderShape, arrays: Arrays) -> ElasticNetwork:
        """Return a torch module with these weights, which are those of the super-network or of a sub-network."""

    @abstractmethod
    def cut(self, arrays: Arrays, shape: EncoderShape, configuration: Any) -> Arrays:
        """Return copies of the sub-network's weights, with all rows of the embedding table; ``graph`` drops some."""

    @abstractmethod
    def settings_of(self, weight: str, configuration: Any) -> LinearSettings | None:
        """Return how the artefact stores the weight of this canonical name; None if the type has no such weight."""

    @abstractmethod
    def graph(self, arrays: Arrays, configuration: Any, shape: EncoderShape, inputs: GraphInputs) -> ModelProto:
        """Return the ONNX model of weights that ``cut`` returned for ``configuration``."""

    @abstractmethod
    def matrices(self, configuration: Any, shape: EncoderShape) -> Iterable[Matrix]:
        """Return the linear layers between the embeddings and the head."""

    @abstractmethod
    def latency_terms(
        self, configuration: Any, shape: EncoderShape, confidences: ExitScores | None
    ) -> Mapping[str, float]:
        """Return the amounts of the terms of a request's mean latency, under the names of ``latency_prior``."""

    @property
    @abstractmethod
    def latency_prior(self) -> Mapping[str, float]:
        """Milliseconds per unit of each latency term, assumed until files are measured."""

    @abstractmethod
    def table_width(self, configuration: Any, shape: EncoderShape) -> int:
        """Return the width of the embedding table."""

    def stored_matrices(self, configuration: Any, shape: EncoderShape) -> Iterable[Matrix]:
        """Return the linear layers whose weights are in the file: all, unless some of them share their weights."""
        return self.matrices(configuration, shape)

    def suits(self, *, pair: bool) -> bool:
        """Return whether the type can do tasks of pairs of texts, or of single texts."""
        return True

    def space(self, shape: EncoderShape, free: AbstractSet[str]) -> StudentSpace:
        """Return the type's search space for a teacher of this shape, in which the aspects ``free`` vary."""
        return StudentSpace(self.configuration, shape, free | self.always_free)

    def features(
        self, configuration: Configuration, shape: EncoderShape, confidences: ExitScores | None
    ) -> list[float]:
        """Return the features from which the surrogate predicts quality, equally many for all configurations."""
        return feature_numbers(dimensions_of(self.name), configuration, shape, confidences)

    def is_near_teacher(self, configuration: Any, shape: EncoderShape, has_layer_heads: bool) -> bool:
        """Return whether weights cut from the teacher itself are a better start than those of the super-network.

        ``has_layer_heads`` tells whether heads after the teacher's lower layers are trained.
        """
        return False

    def keeps_teacher_layers(self, configuration: Any, shape: EncoderShape) -> bool:
        """Return whether the kept layers are the teacher's, unchanged, so that training gains nothing."""
        return False

    def untrained(self, teacher: Arrays, shape: EncoderShape, configuration: Configuration) -> Arrays:
        """Return a configuration's weights before any training: cut from the teacher's, or random."""
        source_shape, arrays = self.initial(teacher, shape, [configuration], 0)
        return self.cut(arrays, source_shape, configuration)

    def as_trained(self, configuration: Any, *, exits: bool) -> Configuration:
        """Return the configuration that the super-network trains in place of this one.

        ``exits`` tells whether the task allows early exits.
        """
        found: Configuration = configuration
        return found

    def side_matrices_bytes(self, configuration: Any, shape: EncoderShape) -> float:
        """Return the bytes of large matrices other than the linear layers and the embedding table."""
        return 0.0

    def depth(self, configuration: Any) -> int:
        """Return the number of layers."""
        return int(configuration.num_layers)

    def multiplications(self, configuration: Configuration, shape: EncoderShape) -> float:
        """Return the multiplications by weights per token, without embeddings and heads."""
        return sum(
            form_of(m.settings).multiplications(m.rows, m.columns, m.settings)
            for m in self.matrices(configuration, shape)
        )

    def added_terms(self) -> dict[str, CostTerm]:
        """Return the latency terms that the type's dimensions add to ``latency_prior``."""
        return {name: term for d in dimensions_of(self.name) for name, term in (d.latency or {}).items()}
