"""Defines the configuration of a sub-network of the teacher's encoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from autocompress.domain.shape import EncoderShape
from autocompress.students.configuration import Configuration, Extra, at_least, check_bits, check_sparsity
from autocompress.students.exit_policies import EXIT_POLICIES
from autocompress.students.transformer.convolved_layers import check_convolutions
from autocompress.students.transformer.sharing import check_groups
from autocompress.system.errors import InputError
from autocompress.system.serialization import Stored

CONFIDENCE = "confidence"


@dataclass(frozen=True)
class LayerConfiguration(Stored):
    """Describes one kept encoder layer; ``index`` is its index in the teacher, ``sparsity`` the fraction of zeros."""

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
    """Describes early exits after some of the kept layers (survey 3.5; DeeBERT, Xin et al. 2020).

    ``layers`` are the teacher's indices of the kept layers that an exit follows; the last kept layer has none. A
    request leaves at an exit if the scores of all its texts by ``policy``, a name in EXIT_POLICIES, are above
    ``threshold``.
    """

    layers: tuple[int, ...]
    threshold: float
    policy: str = CONFIDENCE

    def __post_init__(self) -> None:
        if not self.layers or list(self.layers) != sorted(set(self.layers)):
            raise InputError(f"exit layers must be increasing and at least one, but got {list(self.layers)}")
        if self.policy not in EXIT_POLICIES:
            raise InputError(f"the exit policy must be one of {', '.join(EXIT_POLICIES)}, but got {self.policy!r}")
        policy = EXIT_POLICIES[self.policy]
        if not 0.0 < self.threshold < policy.thresholds.bound:
            bound = f"{policy.thresholds.bound:g}"
            raise InputError(f"0 < exit threshold < {bound} must hold by {self.policy}, but got {self.threshold}")
        if len(self.layers) < policy.heads_needed(self.threshold):
            raise InputError(
                f"a threshold of {self.threshold:g} by {self.policy} needs {policy.heads_needed(self.threshold)} exit "
                f"layers, but got {list(self.layers)}; add some or lower it"
            )


@dataclass(frozen=True)
class TransformerConfiguration(Configuration):
    """Describes a sub-network of the teacher's encoder.

    ``hidden_size`` leading channels and ``layers`` are kept; each layer says its heads, neurons, bits and sparsity.
    """

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
        check_groups(self)
        check_convolutions(self)

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
        """Return a configuration with equal widths, bits and sparsity in every kept layer.

        ``shape`` is the teacher's. Arguments that are None take the teacher's value, ``embedding_bits`` that of
        ``bits``; ``layers`` are the indices of the kept layers.
        """
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
        """Return the fields in JSON's types; the exit policy is left out where it is ``confidence``."""
        fields = super().to_json()
        if self.exit is not None and self.exit.policy == CONFIDENCE:
            del fields["exit"]["policy"]
        return fields

    @property
    def kept_layers(self) -> tuple[int, ...]:
        """The teacher's indices of the kept layers, increasing."""
        return tuple(layer.index for layer in self.layers)
