"""Defines the contract of a student type: one record says all that the program must know of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from autocompress.domain.shape import EncoderShape
from autocompress.networks.weights import Arrays
from autocompress.students.configuration import Configuration
from autocompress.students.dimension import Confidences, CostTerm, feature_numbers
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
    """Sizes of one linear layer's weight [rows, columns] and how it is kept."""

    rows: int
    columns: int
    settings: LinearSettings


class StudentType(ABC):
    """A family of networks that a teacher may become.

    ``name`` is that of its configurations, ``prefix`` the words before their labels. ``always_free`` are the aspects
    that vary wherever the type is in a space; ``from_teacher`` says whether some configurations are cut from the
    teacher itself. ``recipe`` trains the super-network, ``alone`` one configuration by itself; ``shares`` are the
    type's parts of the super-networks' time. What needs torch or onnx is imported when it is asked for. TypeError
    names a part that is left out.
    """

    name: ClassVar[str]
    prefix: ClassVar[tuple[str, ...]]
    configuration: ClassVar[type[Configuration]]
    always_free: ClassVar[frozenset[str]]
    from_teacher: ClassVar[bool]
    recipe: ClassVar[Recipe]
    alone: ClassVar[Recipe]
    shares: ClassVar[Shares]

    def __init__(self) -> None:
        missing = [name for name in StudentType.__annotations__ if not hasattr(self, name)]
        if missing:
            raise TypeError(f"{type(self).__name__} must define {', '.join(missing)}")

    @abstractmethod
    def designs(self, shape: EncoderShape, *, exits: bool) -> Iterable[tuple[float, Configuration]]:
        """Configurations that are known to do well, each with its place among the designs of all types.

        ``exits`` says whether early exits are possible; the first place, 0, is that of the teacher in 8 bits.
        """

    @abstractmethod
    def initial(
        self, teacher: Arrays, shape: EncoderShape, configurations: Sequence[Configuration], seed: int
    ) -> tuple[EncoderShape, Arrays]:
        """A super-network before any training, out of which all ``configurations`` can be cut, and its shape.

        ``teacher`` are the teacher's arrays and ``shape`` its shape.
        """

    @abstractmethod
    def network(self, shape: EncoderShape, arrays: Arrays) -> ElasticNetwork:
        """The network with these weights, those of the super-network or of a cut."""

    @abstractmethod
    def cut(self, arrays: Arrays, shape: EncoderShape, configuration: Any) -> Arrays:
        """Weights of the sub-network; the vocabulary is whole, for the graph cuts it."""

    @abstractmethod
    def settings_of(self, weight: str, configuration: Any) -> LinearSettings | None:
        """How the artefact keeps the weight of this canonical name; None if no part of the network claims it."""

    @abstractmethod
    def graph(self, arrays: Arrays, configuration: Any, shape: EncoderShape, inputs: GraphInputs) -> ModelProto:
        """The ONNX graph of weights that are already cut to ``configuration``, but for the vocabulary."""

    @abstractmethod
    def matrices(self, configuration: Any, shape: EncoderShape) -> Iterable[Matrix]:
        """The linear layers between the embeddings and the head."""

    @abstractmethod
    def latency_terms(
        self, configuration: Any, shape: EncoderShape, confidences: Confidences | None
    ) -> Mapping[str, float]:
        """Amounts of work in one request, under the names of ``latency_prior``."""

    @property
    @abstractmethod
    def latency_prior(self) -> Mapping[str, float]:
        """Milliseconds that a unit of each term of the latency takes, before anything was measured."""

    @abstractmethod
    def table_width(self, configuration: Any, shape: EncoderShape) -> int:
        """Numbers in a row of the embedding table."""

    def space(self, shape: EncoderShape, free: AbstractSet[str]) -> StudentSpace:
        """What may vary around a teacher of this shape where the aspects ``free`` vary."""
        return StudentSpace(self.configuration, shape, free | self.always_free)

    def features(
        self, configuration: Configuration, shape: EncoderShape, confidences: Confidences | None
    ) -> list[float]:
        """Numbers that the quality may depend on smoothly, of the same length for all configurations."""
        return feature_numbers(dimensions_of(self.name), configuration, shape, confidences)

    def is_near_teacher(self, configuration: Any, shape: EncoderShape, has_layer_heads: bool) -> bool:
        """Whether weights cut from the teacher itself are a better start than the super-network's.

        ``has_layer_heads`` says whether heads stand after the teacher's lower layers.
        """
        return False

    def keeps_teacher_layers(self, configuration: Any, shape: EncoderShape) -> bool:
        """Whether the layers are the teacher's as they are, so that training gains nothing."""
        return False

    def untrained(self, teacher: Arrays, shape: EncoderShape, configuration: Configuration) -> Arrays:
        """Weights of a configuration before any training, cut from the teacher's or fresh."""
        source_shape, arrays = self.initial(teacher, shape, [configuration], 0)
        return self.cut(arrays, source_shape, configuration)

    def as_trained(self, configuration: Any) -> Configuration:
        """The configuration as its super-network trains it."""
        found: Configuration = configuration
        return found

    def side_matrices_bytes(self, configuration: Any, shape: EncoderShape) -> float:
        """Bytes of matrices beside the linear layers and the embedding table."""
        return 0.0

    def depth(self, configuration: Any) -> int:
        """Layers of a configuration."""
        return int(configuration.num_layers)

    def multiplications(self, configuration: Configuration, shape: EncoderShape) -> float:
        """Multiplications by weights per token, without embeddings and heads."""
        return sum(
            form_of(m.settings).multiplications(m.rows, m.columns, m.settings)
            for m in self.matrices(configuration, shape)
        )

    def added_terms(self) -> dict[str, CostTerm]:
        """Terms of the latency that dimensions add to those of the type."""
        return {name: term for d in dimensions_of(self.name) for name, term in (d.latency or {}).items()}
