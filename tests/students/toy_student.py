"""A student type in one file: a bag of the teacher's word vectors, squashed, pooled and classified."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import onnx
import torch
from torch import Tensor

from autocompress.artifact.blocks import GraphInputs, Pooling, finished, head, word_embeddings
from autocompress.artifact.graph import GraphBuilder
from autocompress.domain.shape import EncoderShape
from autocompress.networks.weights import Arrays
from autocompress.students import DIMENSIONS, STUDENTS
from autocompress.students.configuration import Configuration, Extra, at_least, check_bits
from autocompress.students.cutting import copies, fits
from autocompress.students.elastic import ElasticNetwork, Selection
from autocompress.students.exit_policies import ExitScores
from autocompress.students.linear_forms import LinearSettings
from autocompress.students.pooled.cut import head_slices
from autocompress.students.pooled.dimensions import EMBEDDING_SIZE
from autocompress.students.pooled.network import MeanMaxStudent
from autocompress.students.pooled.word_vectors import initial_head, teacher_word_vectors
from autocompress.students.recipe import Recipe, Shares
from autocompress.students.shared_dimensions import EMBEDDING_BITS, VOCABULARY_SIZE
from autocompress.students.student_type import Matrix, StudentType
from autocompress.students.weight_settings import FLOAT, side_bits

LEAST = -1.0


@dataclass(frozen=True)
class BagConfiguration(Configuration):
    """A bag of words."""

    embedding_size: int
    vocabulary_size: int
    embedding_bits: int = 8
    extra: Extra = ()
    student: ClassVar[str] = "bag"

    def __post_init__(self) -> None:
        at_least("embedding_size", self.embedding_size, 1)
        at_least("vocabulary_size", self.vocabulary_size, 1)
        check_bits("embedding_bits", self.embedding_bits)


class ElasticBag(MeanMaxStudent):
    """Elastic by prefix of the channels."""

    least = LEAST

    def _slices(self, weights: Mapping[str, Tensor], configuration: Any) -> dict[str, Tensor]:
        return slices(weights, configuration)

    def _features(self, selection: Selection, x: Tensor, mask: Tensor) -> Tensor:
        return torch.tanh(x)


def slices(weights: Mapping[str, Any], configuration: BagConfiguration) -> dict[str, Any]:
    """Views of the leading channels and of what the head reads of them."""
    size = configuration.embedding_size
    fits("embedding_size", size, weights["embeddings.word"].shape[1])
    return {"embeddings.word": weights["embeddings.word"][:, :size], **head_slices(weights, 2, size)}


class BagStudent(StudentType):
    """A bag of words."""

    name = "bag"
    prefix = ("bag",)
    configuration = BagConfiguration
    always_free = frozenset({"architecture"})
    from_teacher = False
    recipe = Recipe(3e-3, 128, 12.0)
    alone = Recipe(3e-3, 128, 12.0)
    shares = Shares(0.1, 0.1)
    latency_prior: ClassVar[Mapping[str, float]] = {"call": 0.01, "channels": 0.01}

    def designs(self, shape: EncoderShape, *, exits: bool) -> Iterable[tuple[float, BagConfiguration]]:
        yield 0.5, BagConfiguration(shape.embedding_size, shape.vocab_size)

    def initial(
        self, teacher: Arrays, shape: EncoderShape, configurations: Sequence[Configuration], seed: int
    ) -> tuple[EncoderShape, Arrays]:
        size = max(configuration.embedding_size for configuration in configurations)
        words = {"embeddings.word": teacher_word_vectors(teacher, size)}
        return shape, words | initial_head(np.random.default_rng(seed), 2 * size, shape.num_outputs)

    def network(self, shape: EncoderShape, arrays: Arrays) -> ElasticNetwork:
        return ElasticBag(shape, arrays)

    def cut(self, arrays: Arrays, shape: EncoderShape, configuration: BagConfiguration) -> Arrays:
        return copies(slices(arrays, configuration))

    def settings_of(self, weight: str, configuration: BagConfiguration) -> LinearSettings | None:
        bits = configuration.embedding_bits
        known = {"embeddings.word": LinearSettings(bits), "head.dense.weight": LinearSettings(side_bits(bits))}
        return known.get(weight, FLOAT if weight.startswith("head.") else None)

    def graph(
        self, arrays: Arrays, configuration: BagConfiguration, shape: EncoderShape, inputs: GraphInputs
    ) -> onnx.ModelProto:
        graph = GraphBuilder()
        pooling, bits = Pooling(graph), configuration.embedding_bits
        words = word_embeddings(graph, arrays["embeddings.word"], inputs, configuration.vocabulary_size, bits)
        x = graph.op("Tanh", words)
        pooled = graph.op("Concat", pooling.mean(graph, x), pooling.maximum(graph, x, LEAST), axis=-1)
        return finished(graph, head(graph, pooled, arrays, "head", act="relu", bits=side_bits(bits)), shape.num_outputs)

    def matrices(self, configuration: BagConfiguration, shape: EncoderShape) -> Iterable[Matrix]:
        return ()

    def latency_terms(
        self, configuration: BagConfiguration, shape: EncoderShape, confidences: ExitScores | None
    ) -> Mapping[str, float]:
        return {"call": 1.0, "channels": configuration.embedding_size / 1000}

    def table_width(self, configuration: BagConfiguration, shape: EncoderShape) -> int:
        return configuration.embedding_size

    def depth(self, configuration: BagConfiguration) -> int:
        return 1


STUDENTS["bag"] = BagStudent()
for shared in (EMBEDDING_SIZE, VOCABULARY_SIZE, EMBEDDING_BITS):
    DIMENSIONS[f"bag.{shared.name}"] = replace(shared, students=("bag",))
