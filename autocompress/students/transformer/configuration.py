"""Defines the configuration of a sub-network of the teacher's encoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from autocompress.domain.shape import EncoderShape
from autocompress.students.configuration import Configuration, Extra, at_least, check_bits, check_sparsity
from autocompress.system.errors import InputError
from autocompress.system.serialization import Stored

CONFIDENCE = "confidence"


@dataclass(frozen=True)
class LayerConfiguration(Stored):
    """One kept encoder layer: ``index`` is its place in the teacher, ``sparsity`` the fraction of zero weights."""

    index: int
    num_attention_heads: int
    intermediate_size: int
    attention_bits: int = 8
    feed_forward_bits: int = 8
    sparsity: float = 0.0
    extra: Extra = ()

    def __post_init__(self) -> None:
        at_least("layer index", self.index, 0)
        at_least("num_attention_heads", self.num_attention_heads, 1)
        at_least("intermediate_size", self.intermediate_size, 1)
        check_bits("attention_bits", self.attention_bits)
        check_bits("feed_forward_bits", self.feed_forward_bits)
        check_sparsity(self)


@dataclass(frozen=True)
class ExitConfiguration(Stored):
    """Early exit where a policy is sure of the answer (survey 3.5; by confidence as DeeBERT, with a probability).

    ``layers`` are the teacher indices of kept layers, but the last, after which an exit stands. A batch leaves at an
    exit when the policy's score of every one of its rows is above ``threshold``; ``policy`` is one of EXIT_POLICIES.
    """

    layers: tuple[int, ...]
    threshold: float
    policy: str = CONFIDENCE

    def __post_init__(self) -> None:
        if not self.layers or list(self.layers) != sorted(set(self.layers)):
            raise InputError(f"exit layers must be increasing and at least one, but got {list(self.layers)}")
        if not 0.0 < self.threshold < 1.0:
            raise InputError(f"0 < exit threshold < 1 must hold, but got {self.threshold}")


@dataclass(frozen=True)
class TransformerConfiguration(Configuration):
    """A sub-network of the elastic encoder."""

    hidden_size: int
    layers: tuple[LayerConfiguration, ...]
    vocabulary_size: int
    embedding_bits: int = 8
    exit: ExitConfiguration | None = None
    extra: Extra = ()
    student: ClassVar[str] = "transformer"

    def __post_init__(self) -> None:
        at_least("hidden_size", self.hidden_size, 1)
        at_least("vocabulary_size", self.vocabulary_size, 1)
        check_bits("embedding_bits", self.embedding_bits)
        indices = [layer.index for layer in self.layers]
        if not indices or indices != sorted(set(indices)):
            raise InputError(f"layers must be increasing and at least one, but got {indices}")
        if self.exit is not None and not set(self.exit.layers) <= set(indices[:-1]):
            raise InputError(
                f"exits must stand after kept layers but the last, {indices[:-1]}, but got {list(self.exit.layers)}"
            )

    @classmethod
    def uniform(
        cls,
        shape: EncoderShape,
        bits: int = 8,
        *,
        layers: tuple[int, ...] | None = None,
        hidden_size: int | None = None,
        num_attention_heads: int | None = None,
        intermediate_size: int | None = None,
        vocabulary_size: int | None = None,
        embedding_bits: int | None = None,
        sparsity: float = 0.0,
        exit: ExitConfiguration | None = None,
    ) -> TransformerConfiguration:
        """The same widths, bits and sparsity in every kept layer; what is not given is the teacher's."""
        heads = num_attention_heads or shape.num_attention_heads
        width = intermediate_size or shape.intermediate_size
        kept = tuple(range(shape.num_hidden_layers)) if layers is None else layers
        return cls(
            hidden_size=hidden_size or shape.hidden_size,
            layers=tuple(LayerConfiguration(i, heads, width, bits, bits, sparsity) for i in kept),
            vocabulary_size=vocabulary_size or shape.vocab_size,
            embedding_bits=embedding_bits or bits,
            exit=exit,
        )

    def to_json(self) -> dict[str, Any]:
        """The fields in JSON's types; the usual exit policy is not named."""
        fields = super().to_json()
        if self.exit is not None and self.exit.policy == CONFIDENCE:
            del fields["exit"]["policy"]
        return fields

    @property
    def kept_layers(self) -> tuple[int, ...]:
        """The teacher's indices of the kept layers, increasing."""
        return tuple(layer.index for layer in self.layers)
