"""Declares the BiLSTM as a student type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from autocompress.domain.shape import EncoderShape
from autocompress.networks.weights import Arrays
from autocompress.students.bilstm.configuration import BiLSTMConfiguration
from autocompress.students.bilstm.costs import LATENCY_PRIOR, latency_terms, matrices
from autocompress.students.bilstm.designs import designs
from autocompress.students.configuration import Configuration
from autocompress.students.exit_policies import ExitScores
from autocompress.students.pooled.student import PooledStudent
from autocompress.students.recipe import Recipe, Shares
from autocompress.students.student_type import Matrix

if TYPE_CHECKING:
    from onnx import ModelProto

    from autocompress.artifact.blocks import GraphInputs
    from autocompress.students.elastic import ElasticNetwork


class BiLSTMStudent(PooledStudent):
    """Declares a bidirectional LSTM over the teacher's word embeddings (survey 3.3; Tang et al. 2019)."""

    name = BiLSTMConfiguration.student
    prefix = (name,)
    modules = ("lstm",)
    configuration = BiLSTMConfiguration
    recipe = Recipe(6e-3, 128, 12.0)
    alone = Recipe(6e-3, 128, 12.0)
    shares = Shares(0.38, 0.05)
    latency_prior = LATENCY_PRIOR

    def designs(self, shape: EncoderShape, *, exits: bool) -> Iterable[tuple[int, BiLSTMConfiguration]]:
        """Yield BiLSTMs of three sizes."""
        return designs(shape)

    def initial(
        self, teacher: Arrays, shape: EncoderShape, configurations: Sequence[Configuration], seed: int
    ) -> tuple[EncoderShape, Arrays]:
        """Return an untrained network that is in each size as large as the largest of ``configurations``."""
        from autocompress.students.bilstm.network import initial_bilstm
        from autocompress.students.pooled.word_vectors import StudentSizes

        return shape, initial_bilstm(teacher, StudentSizes.covering(configurations), shape.num_outputs, seed)

    def network(self, shape: EncoderShape, arrays: Arrays) -> ElasticNetwork:
        """Return the elastic BiLSTM."""
        from autocompress.students.bilstm.network import ElasticBiLSTM

        return ElasticBiLSTM(shape, arrays)

    def cut(self, arrays: Arrays, shape: EncoderShape, configuration: BiLSTMConfiguration) -> Arrays:
        """Return copies of the leading layers, channels and units of each gate."""
        from autocompress.students.bilstm.cut import slice_bilstm
        from autocompress.students.cutting import copies

        return copies(slice_bilstm(arrays, shape, configuration))

    def graph(
        self, arrays: Arrays, configuration: BiLSTMConfiguration, shape: EncoderShape, inputs: GraphInputs
    ) -> ModelProto:
        """Return the BiLSTM as an ONNX model."""
        from autocompress.students.bilstm.graph import emit_bilstm

        return emit_bilstm(arrays, configuration, shape, inputs)

    def matrices(self, configuration: BiLSTMConfiguration, shape: EncoderShape) -> Iterable[Matrix]:
        """Return the matrices of the gates."""
        return matrices(configuration)

    def latency_terms(
        self, configuration: BiLSTMConfiguration, shape: EncoderShape, confidences: ExitScores | None
    ) -> Mapping[str, float]:
        """Return the latency terms under the names of ``LATENCY_PRIOR``."""
        return latency_terms(configuration)
