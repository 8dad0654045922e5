"""The dimensions of a sub-network of the elastic encoder."""

from __future__ import annotations

from collections.abc import MutableMapping, Set
from typing import TypeVar

from autocompress.domain.shape import EncoderShape
from autocompress.students.configuration import (
    Configuration,
    ExitConfiguration,
    LayerConfiguration,
    TransformerConfiguration,
)
from autocompress.system.errors import InputError
from search_spaces.choice import Choice, Trial, Value, scaled_sizes

BITS = (8, 4, 2, 32)
SPARSITIES = (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
VOCABULARIES = (2000, 4000, 8000, 16000)
HIDDEN_FRACTIONS = (1 / 3, 1 / 2, 2 / 3, 1)
HEAD_FRACTIONS = (1 / 6, 1 / 4, 1 / 3, 1 / 2, 1)
INTERMEDIATE_FRACTIONS = (1 / 12, 1 / 6, 1 / 3, 1 / 2, 1)
THRESHOLD_LOW, THRESHOLD_HIGH, THRESHOLD_STEP = 0.5, 0.98, 0.02
THRESHOLDS = tuple(round(THRESHOLD_LOW + THRESHOLD_STEP * step, 2) for step in range(25))
T = TypeVar("T", bool, int, float, str)


def free(name: str, is_free: bool, options: tuple[T, ...], teacher: T) -> Choice[T]:
    """A choice among ``options`` if ``is_free``, else the constant ``teacher``."""
    return Choice(name, options if is_free else (teacher,))


def vocabulary_choice(shape: EncoderShape, is_free: bool) -> Choice[int]:
    """How many of the most frequent words keep a row of the embedding table."""
    sizes = (*(size for size in VOCABULARIES if size < shape.vocab_size), shape.vocab_size)
    return free("vocabulary_size", is_free, sizes, shape.vocab_size)


class LayerDimensions:
    """The dimensions of the encoder layer ``index``; whether it is kept at all is ``keep``."""

    def __init__(self, shape: EncoderShape, varies: Set[str], index: int) -> None:
        architecture, precision = "architecture" in varies, "precision" in varies
        heads, width = shape.num_attention_heads, shape.intermediate_size
        self.index = index
        self.keep = free(f"layer_{index}", architecture and index > 0, (True, False), True)
        self._heads = free(f"layer_{index}_heads", architecture, scaled_sizes(heads, HEAD_FRACTIONS, 1), heads)
        self._width = free(
            f"layer_{index}_intermediate", architecture, scaled_sizes(width, INTERMEDIATE_FRACTIONS), width
        )
        self._attention_bits = free(f"layer_{index}_attention_bits", precision, BITS, 8)
        self._feed_forward_bits = free(f"layer_{index}_feed_forward_bits", precision, BITS, 8)
        self._sparsity = free(f"layer_{index}_sparsity", "sparsity" in varies, SPARSITIES, 0.0)

    def suggest(self, trial: Trial) -> LayerConfiguration:
        """The kept layer the trial chooses."""
        return LayerConfiguration(
            index=self.index,
            num_attention_heads=self._heads.suggest(trial),
            intermediate_size=self._width.suggest(trial),
            attention_bits=self._attention_bits.suggest(trial),
            feed_forward_bits=self._feed_forward_bits.suggest(trial),
            sparsity=self._sparsity.suggest(trial),
        )

    def record(self, parameters: MutableMapping[str, Value], layer: LayerConfiguration) -> None:
        """The inverse of ``suggest``; InputError outside the space."""
        self._heads.record(parameters, layer.num_attention_heads)
        self._width.record(parameters, layer.intermediate_size)
        self._attention_bits.record(parameters, layer.attention_bits)
        self._feed_forward_bits.record(parameters, layer.feed_forward_bits)
        self._sparsity.record(parameters, layer.sparsity)


class ExitDimensions:
    """Early exit: off, or by confidence with a threshold after some of the kept layers but the last."""

    def __init__(self, is_free: bool) -> None:
        self._rule = free("exit", is_free, ("off", "confidence"), "off")

    def suggest(self, trial: Trial, kept: tuple[int, ...]) -> ExitConfiguration | None:
        """The exits the trial chooses among ``kept`` but the last; if it chooses none, after the first."""
        if len(kept) < 2 or self._rule.suggest(trial) == "off":
            return None
        threshold = trial.suggest_float("exit_threshold", THRESHOLD_LOW, THRESHOLD_HIGH, step=THRESHOLD_STEP)
        layers = tuple(index for index in kept[:-1] if _exit_here(index).suggest(trial))
        return ExitConfiguration(layers or kept[:1], round(threshold, 2))

    def record(
        self, parameters: MutableMapping[str, Value], kept: tuple[int, ...], exit_: ExitConfiguration | None
    ) -> None:
        """The inverse of ``suggest``; InputError outside the space."""
        if len(kept) < 2:
            return
        self._rule.record(parameters, "off" if exit_ is None else "confidence")
        if exit_ is None:
            return
        if exit_.threshold not in THRESHOLDS:
            raise InputError(
                f"exit_threshold must be {THRESHOLD_LOW} to {THRESHOLD_HIGH} in steps of {THRESHOLD_STEP} in this "
                f"space, but got {exit_.threshold}"
            )
        parameters["exit_threshold"] = exit_.threshold
        for index in kept[:-1]:
            _exit_here(index).record(parameters, index in exit_.layers)


class TransformerDimensions:
    """Hidden size, vocabulary, embedding bits, layers and exits of a transformer student."""

    def __init__(self, shape: EncoderShape, varies: Set[str]) -> None:
        self._hidden_size = free(
            "hidden_size",
            "architecture" in varies,
            scaled_sizes(shape.hidden_size, HIDDEN_FRACTIONS),
            shape.hidden_size,
        )
        self._vocabulary = vocabulary_choice(shape, "architecture" in varies)
        self._embedding_bits = free("embedding_bits", "precision" in varies, BITS, 8)
        self._layers = [LayerDimensions(shape, varies, index) for index in range(shape.num_hidden_layers)]
        self._exit = ExitDimensions("exits" in varies)

    def suggest(self, trial: Trial) -> TransformerConfiguration:
        """The sub-network the trial chooses; the parameters of a dropped layer are not asked for."""
        hidden_size = self._hidden_size.suggest(trial)
        vocabulary_size = self._vocabulary.suggest(trial)
        embedding_bits = self._embedding_bits.suggest(trial)
        layers = tuple(layer.suggest(trial) for layer in self._layers if layer.keep.suggest(trial))
        return TransformerConfiguration(
            hidden_size=hidden_size,
            layers=layers,
            vocabulary_size=vocabulary_size,
            embedding_bits=embedding_bits,
            exit=self._exit.suggest(trial, tuple(layer.index for layer in layers)),
        )

    def parameters(self, configuration: Configuration) -> dict[str, Value]:
        """The inverse of ``suggest``; InputError outside the space."""
        if not isinstance(configuration, TransformerConfiguration):
            raise InputError(f"a transformer configuration is needed, but got a {configuration.student}")
        parameters: dict[str, Value] = {}
        self._hidden_size.record(parameters, configuration.hidden_size)
        self._vocabulary.record(parameters, configuration.vocabulary_size)
        self._embedding_bits.record(parameters, configuration.embedding_bits)
        kept = {layer.index: layer for layer in configuration.layers}
        if max(kept) >= len(self._layers):
            raise InputError(f"the teacher has {len(self._layers)} layers, but got a layer with index {max(kept)}")
        for layer in self._layers:
            layer.keep.record(parameters, layer.index in kept)
            if layer.index in kept:
                layer.record(parameters, kept[layer.index])
        self._exit.record(parameters, tuple(kept), configuration.exit)
        return parameters


def _exit_here(index: int) -> Choice[bool]:
    return Choice(f"exit_layer_{index}", (True, False))
