"""The dimensions of the students that are no transformers: BiLSTM and CNN over the teacher's embeddings."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from autocompress.domain.shape import EncoderShape
from autocompress.students.configuration import BiLSTMConfiguration, CNNConfiguration, Configuration
from autocompress.system.errors import InputError
from search_spaces.choice import Choice, Trial, Value, scaled_sizes
from search_spaces.transformer import BITS, SPARSITIES, free, vocabulary_choice

EMBEDDING_FRACTIONS = (1 / 6, 1 / 3, 2 / 3, 1)
BILSTM_HIDDEN_SIZES = (32, 64, 128)
BILSTM_LAYERS = (1, 2)
CNN_HIDDEN_SIZES = (64, 128, 256)
CNN_LAYERS = (1, 2, 3)
CNN_KERNELS = (1, 3, 5)


def _choices(
    student: str, shape: EncoderShape, varies: Set[str], hidden_sizes: tuple[int, ...], layers: tuple[int, ...]
) -> tuple[Choice[int] | Choice[float], ...]:
    """The fields both students share; names carry the student where the options differ."""
    precision = "precision" in varies
    return (
        Choice(f"{student}_embedding_size", scaled_sizes(shape.embedding_size, EMBEDDING_FRACTIONS)),
        Choice(f"{student}_hidden_size", hidden_sizes),
        Choice(f"{student}_num_layers", layers),
        vocabulary_choice(shape, True),
        free(f"{student}_weight_bits", precision, BITS, 8),
        free("embedding_bits", precision, BITS, 8),
        free(f"{student}_sparsity", "sparsity" in varies, SPARSITIES, 0.0),
    )


_FIELDS = (
    "embedding_size",
    "hidden_size",
    "num_layers",
    "vocabulary_size",
    "weight_bits",
    "embedding_bits",
    "sparsity",
)


class BiLSTMDimensions:
    """Widths, depth, vocabulary, bits and sparsity of a BiLSTM student."""

    def __init__(self, shape: EncoderShape, varies: Set[str]) -> None:
        choices = _choices("bilstm", shape, varies, BILSTM_HIDDEN_SIZES, BILSTM_LAYERS)
        self._choices = dict(zip(_FIELDS, choices, strict=True))

    def suggest(self, trial: Trial) -> BiLSTMConfiguration:
        """The student the trial chooses."""
        return BiLSTMConfiguration(**_suggest(self._choices, trial))

    def parameters(self, configuration: Configuration) -> dict[str, Value]:
        """The inverse of ``suggest``; InputError outside the space."""
        return _parameters(self._choices, configuration, BiLSTMConfiguration)


class CNNDimensions:
    """Widths, depth, kernel, vocabulary, bits and sparsity of a CNN student."""

    def __init__(self, shape: EncoderShape, varies: Set[str]) -> None:
        choices = _choices("cnn", shape, varies, CNN_HIDDEN_SIZES, CNN_LAYERS)
        self._choices = {
            **dict(zip(_FIELDS, choices, strict=True)),
            "kernel_size": Choice("cnn_kernel_size", CNN_KERNELS),
        }

    def suggest(self, trial: Trial) -> CNNConfiguration:
        """The student the trial chooses."""
        return CNNConfiguration(**_suggest(self._choices, trial))

    def parameters(self, configuration: Configuration) -> dict[str, Value]:
        """The inverse of ``suggest``; InputError outside the space."""
        return _parameters(self._choices, configuration, CNNConfiguration)


def _suggest(choices: dict[str, Choice[int] | Choice[float]], trial: Trial) -> dict[str, Any]:
    return {name: choice.suggest(trial) for name, choice in choices.items()}


def _parameters(
    choices: dict[str, Choice[int] | Choice[float]], configuration: Configuration, kind: type[Configuration]
) -> dict[str, Value]:
    if not isinstance(configuration, kind):
        raise InputError(f"a {kind.student} configuration is needed, but got a {configuration.student}")
    parameters: dict[str, Value] = {}
    for name, choice in choices.items():
        choice.record(parameters, getattr(configuration, name))
    return parameters
