"""Declares the CNN as a student type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from autocompress.domain.shape import EncoderShape
from autocompress.networks.weights import Arrays
from autocompress.students.cnn.configuration import CNNConfiguration
from autocompress.students.cnn.costs import LATENCY_PRIOR, latency_terms, matrices
from autocompress.students.cnn.designs import designs
from autocompress.students.configuration import Configuration
from autocompress.students.exit_policies import ExitScores
from autocompress.students.pooled.student import PooledStudent
from autocompress.students.recipe import Recipe, Shares
from autocompress.students.student_type import Matrix

if TYPE_CHECKING:
    from onnx import ModelProto

    from autocompress.artifact.blocks import GraphInputs
    from autocompress.students.elastic import ElasticNetwork


class CNNStudent(PooledStudent):
    """Declares convolutions over the teacher's word embeddings (survey 3.3; Kim 2014, AdaBERT)."""

    name = CNNConfiguration.student
    prefix = (name,)
    modules = ("conv",)
    configuration = CNNConfiguration
    recipe = Recipe(3e-3, 128, 12.0)
    alone = Recipe(6e-3, 256, 12.0)
    shares = Shares(0.26, 0.05)
    latency_prior = LATENCY_PRIOR

    def designs(self, shape: EncoderShape, *, exits: bool) -> Iterable[tuple[int, CNNConfiguration]]:
        """Yield CNNs of three sizes."""
        return designs(shape)

    def initial(
        self, teacher: Arrays, shape: EncoderShape, configurations: Sequence[Configuration], seed: int
    ) -> tuple[EncoderShape, Arrays]:
        """Return an untrained network that is in each size as large as the largest of ``configurations``."""
        from autocompress.students.cnn.network import initial_cnn
        from autocompress.students.pooled.word_vectors import StudentSizes

        return shape, initial_cnn(teacher, StudentSizes.covering(configurations), shape.num_outputs, seed)

    def network(self, shape: EncoderShape, arrays: Arrays) -> ElasticNetwork:
        """Return the elastic CNN."""
        from autocompress.students.cnn.network import ElasticCNN

        return ElasticCNN(shape, arrays)

    def cut(self, arrays: Arrays, shape: EncoderShape, configuration: CNNConfiguration) -> Arrays:
        """Return copies of the leading layers, channels and filters, and of the middle of the windows."""
        from autocompress.students.cnn.cut import slice_cnn
        from autocompress.students.cutting import copies

        return copies(slice_cnn(arrays, shape, configuration))

    def graph(
        self, arrays: Arrays, configuration: CNNConfiguration, shape: EncoderShape, inputs: GraphInputs
    ) -> ModelProto:
        """Return the CNN as an ONNX model."""
        from autocompress.students.cnn.graph import emit_cnn

        return emit_cnn(arrays, configuration, shape, inputs)

    def matrices(self, configuration: CNNConfiguration, shape: EncoderShape) -> Iterable[Matrix]:
        """Return the filters of all layers."""
        return matrices(configuration)

    def latency_terms(
        self, configuration: CNNConfiguration, shape: EncoderShape, confidences: ExitScores | None
    ) -> Mapping[str, float]:
        """Return the latency terms under the names of ``LATENCY_PRIOR``."""
        return latency_terms(configuration)
