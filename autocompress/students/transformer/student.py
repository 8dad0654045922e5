"""Declares the teacher's own architecture as a student type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import TYPE_CHECKING

from autocompress.domain.shape import EncoderShape
from autocompress.networks.weights import Arrays
from autocompress.students.configuration import Configuration
from autocompress.students.exit_policies import ExitScores
from autocompress.students.linear_forms import LinearSettings
from autocompress.students.recipe import Recipe, Shares
from autocompress.students.registry import dimensions_of
from autocompress.students.student_type import Matrix, StudentType
from autocompress.students.transformer.configuration import ExitConfiguration, TransformerConfiguration
from autocompress.students.transformer.convolved_layers import with_kernels
from autocompress.students.transformer.costs import (
    LATENCY_PRIOR,
    latency_terms,
    layer_matrices,
)
from autocompress.students.transformer.designs import designs
from autocompress.students.transformer.sharing import owning_layers
from autocompress.students.transformer.space import TransformerSpace
from autocompress.students.transformer.weight_claims import weight_claims

if TYPE_CHECKING:
    from onnx import ModelProto

    from autocompress.artifact.blocks import GraphInputs
    from autocompress.students.elastic import ElasticNetwork


class TransformerStudent(StudentType):
    """Declares sub-networks of the teacher's encoder, cut from a super-network or from the teacher itself."""

    name = TransformerConfiguration.student
    prefix = ()
    configuration = TransformerConfiguration
    always_free = frozenset[str]()
    from_teacher = True
    recipe = Recipe(6e-4, 64, 12.0)
    alone = Recipe(8e-4, 64, 12.0)
    shares = Shares(0.36, 0.35)
    latency_prior = LATENCY_PRIOR

    def space(self, shape: EncoderShape, free: AbstractSet[str]) -> TransformerSpace:
        """Return the space of widths, kept layers and exits, as far as ``free`` says."""
        return TransformerSpace(shape, free | self.always_free)

    def designs(self, shape: EncoderShape, *, exits: bool) -> Iterable[tuple[int, TransformerConfiguration]]:
        """Yield sub-networks from the teacher in 8 bits to one narrow layer."""
        return designs(shape, exits=exits)

    def initial(
        self, teacher: Arrays, shape: EncoderShape, configurations: Sequence[Configuration], seed: int
    ) -> tuple[EncoderShape, Arrays]:
        """Return the teacher's encoder and heads, with untrained heads and kernels for the layers that have none."""
        from autocompress.students.transformer.exit_heads import with_missing_heads

        shape, arrays = with_missing_heads(teacher, shape, seed)
        return shape, with_kernels(arrays, shape)

    def network(self, shape: EncoderShape, arrays: Arrays) -> ElasticNetwork:
        """Return the elastic encoder."""
        from autocompress.students.transformer.network import ElasticEncoder

        return ElasticEncoder(shape, arrays)

    def cut(self, arrays: Arrays, shape: EncoderShape, configuration: TransformerConfiguration) -> Arrays:
        """Return copies of the kept layers, their leading heads, neurons and channels, and the output heads in use."""
        from autocompress.students.transformer.cut import cut_transformer

        return cut_transformer(arrays, shape, configuration)

    def graph(
        self, arrays: Arrays, configuration: TransformerConfiguration, shape: EncoderShape, inputs: GraphInputs
    ) -> ModelProto:
        """Return the sub-network as an ONNX model."""
        from autocompress.students.transformer.graph import emit_transformer

        return emit_transformer(arrays, configuration, shape, inputs)

    def settings_of(self, weight: str, configuration: TransformerConfiguration) -> LinearSettings | None:
        """Return the settings of a weight, None for an unknown name.

        Matrices have their layer's bits and sparsity, word embeddings ``embedding_bits``. Positions, projection and
        heads have 8 bits (or 32 with 32-bit embeddings); the others stay in float32.
        """
        return weight_claims(weight, configuration)

    def matrices(self, configuration: TransformerConfiguration, shape: EncoderShape) -> Iterable[Matrix]:
        """Return the linear layers of the kept encoder layers."""
        return (
            one for layer in configuration.layers for one in layer_matrices(layer, configuration.hidden_size, shape)
        )

    def stored_matrices(self, configuration: TransformerConfiguration, shape: EncoderShape) -> Iterable[Matrix]:
        """Return the linear layers whose weights are in the file: those of a group of layers that share them once."""
        return (
            one
            for layer in owning_layers(configuration)
            for one in layer_matrices(layer, configuration.hidden_size, shape)
        )

    def latency_terms(
        self, configuration: TransformerConfiguration, shape: EncoderShape, confidences: ExitScores | None
    ) -> Mapping[str, float]:
        """Return the latency terms under the names of ``LATENCY_PRIOR``."""
        return latency_terms(configuration, shape, confidences)

    def table_width(self, configuration: TransformerConfiguration, shape: EncoderShape) -> int:
        """Return the hidden size, or that of narrower embeddings that are projected to it (ELECTRA)."""
        return configuration.hidden_size if shape.embedding_size == shape.hidden_size else shape.embedding_size

    def side_matrices_bytes(self, configuration: TransformerConfiguration, shape: EncoderShape) -> float:
        """Return the bytes of the position embeddings, and of the float32 tables of relative position biases."""
        heads = sum(layer.num_attention_heads for layer in configuration.layers)
        positions = shape.max_positions * configuration.hidden_size * configuration.embedding_bits / 8
        return positions + 4 * heads * shape.relative_attention_num_buckets

    def depth(self, configuration: TransformerConfiguration) -> int:
        """Return the number of kept layers."""
        return len(configuration.layers)

    def is_near_teacher(
        self, configuration: TransformerConfiguration, shape: EncoderShape, has_layer_heads: bool
    ) -> bool:
        """Return whether every dimension's ``is_near`` holds and the heads that the configuration needs exist.

        Exits, and a last kept layer below the teacher's last, need heads after the lower layers.
        """
        ends_early = len(configuration.layers) < shape.num_hidden_layers or configuration.exit is not None
        if ends_early and not has_layer_heads:
            return False
        return all(dimension.is_near_teacher(configuration, shape) for dimension in dimensions_of(self.name))

    def keeps_teacher_layers(self, configuration: TransformerConfiguration, shape: EncoderShape) -> bool:
        """Return whether every dimension's ``is_whole`` holds."""
        return all(dimension.keeps_teacher_layers(configuration, shape) for dimension in dimensions_of(self.name))

    def untrained(self, teacher: Arrays, shape: EncoderShape, configuration: Configuration) -> Arrays:
        """Return the teacher's own weights, with its head after the last kept layer."""
        assert isinstance(configuration, TransformerConfiguration)
        last, end = configuration.layers[-1].index, shape.num_hidden_layers - 1
        moved = {name.replace(f"heads.{end}.", f"heads.{last}."): array for name, array in teacher.items()}
        return self.cut(moved, shape, configuration)

    def as_trained(self, configuration: TransformerConfiguration, *, exits: bool) -> TransformerConfiguration:
        """Return the configuration with an exit after each kept layer but the last, so that every head is trained.

        Where no early ``exits`` are allowed only the last head is.
        """
        if len(configuration.layers) < 2 or not exits:
            return configuration
        return replace(configuration, exit=ExitConfiguration(configuration.kept_layers[:-1], 0.5))
