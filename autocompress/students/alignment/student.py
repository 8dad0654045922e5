"""Declares the network that aligns two texts as a student type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from autocompress.domain.shape import EncoderShape
from autocompress.networks.weights import Arrays
from autocompress.students.alignment.configuration import AlignmentConfiguration
from autocompress.students.alignment.costs import LATENCY_PRIOR, latency_terms, matrices
from autocompress.students.alignment.designs import designs
from autocompress.students.alignment.encoders import ENCODERS
from autocompress.students.configuration import Configuration
from autocompress.students.exit_policies import ExitScores
from autocompress.students.pooled.student import PooledStudent
from autocompress.students.recipe import Recipe, Shares
from autocompress.students.student_type import Matrix

if TYPE_CHECKING:
    from onnx import ModelProto

    from autocompress.artifact.blocks import GraphInputs
    from autocompress.students.elastic import ElasticNetwork


class AlignmentStudent(PooledStudent):
    """Declares soft alignments of two texts over the teacher's word embeddings (Parikh et al. 2016; ESIM, 2017)."""

    name = AlignmentConfiguration.student
    prefix = (name,)
    modules = ("project", "align", *(module for encoder in ENCODERS.values() for module in encoder.modules))
    configuration = AlignmentConfiguration
    recipe = alone = Recipe(3e-3, 128, 12.0, mask_share=0.0, sub_networks=1)
    shares = Shares(0.1, 0.9)
    reads_word_states = True
    latency_prior = LATENCY_PRIOR

    def suits(self, *, pair: bool) -> bool:
        """Return True for pairs: a single text has nothing to be aligned with."""
        return pair

    def designs(self, shape: EncoderShape, *, exits: bool) -> Iterable[tuple[float, AlignmentConfiguration]]:
        """Yield networks from tiny to large."""
        return designs(shape)

    def initial(
        self, teacher: Arrays, shape: EncoderShape, configurations: Sequence[Configuration], seed: int
    ) -> tuple[EncoderShape, Arrays]:
        """Return an untrained network that is in each size as large as the largest of ``configurations``."""
        from autocompress.students.alignment.network import initial_alignment
        from autocompress.students.pooled.word_vectors import StudentSizes

        return shape, initial_alignment(teacher, StudentSizes.covering(configurations), shape.num_outputs, seed)

    def network(self, shape: EncoderShape, arrays: Arrays) -> ElasticNetwork:
        """Return the elastic network."""
        from autocompress.students.alignment.network import ElasticAlignment

        return ElasticAlignment(shape, arrays)

    def cut(self, arrays: Arrays, shape: EncoderShape, configuration: AlignmentConfiguration) -> Arrays:
        """Return copies of the leading channels and alignments, and of the configuration's encoder."""
        from autocompress.students.alignment.cut import slice_alignment
        from autocompress.students.cutting import copies

        return copies(slice_alignment(arrays, shape, configuration))

    def graph(
        self, arrays: Arrays, configuration: AlignmentConfiguration, shape: EncoderShape, inputs: GraphInputs
    ) -> ModelProto:
        """Return the network as an ONNX model."""
        from autocompress.students.alignment.graph import emit_alignment

        return emit_alignment(arrays, configuration, shape, inputs)

    def matrices(self, configuration: AlignmentConfiguration, shape: EncoderShape) -> Iterable[Matrix]:
        """Return the matrices between the embeddings and the head."""
        return matrices(configuration)

    def latency_terms(
        self, configuration: AlignmentConfiguration, shape: EncoderShape, confidences: ExitScores | None
    ) -> Mapping[str, float]:
        """Return the latency terms under the names of ``LATENCY_PRIOR``."""
        return latency_terms(configuration)
