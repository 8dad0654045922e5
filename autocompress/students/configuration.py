"""One point of the joint space as a frozen value, with a versioned JSON form and a stable digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import PlainValidator

from autocompress.domain.shape import EncoderShape
from autocompress.system.errors import InputError
from autocompress.system.serialization import Stored, fields_of, parsed

VERSION = 1
WEIGHT_BITS = (32, 8, 4, 2)


@dataclass(frozen=True)
class LayerConfiguration(Stored):
    """One kept encoder layer: ``index`` is its place in the teacher, ``sparsity`` the fraction of zero weights."""

    index: int
    num_attention_heads: int
    intermediate_size: int
    attention_bits: int = 8
    feed_forward_bits: int = 8
    sparsity: float = 0.0

    def __post_init__(self) -> None:
        _at_least("layer index", self.index, 0)
        _at_least("num_attention_heads", self.num_attention_heads, 1)
        _at_least("intermediate_size", self.intermediate_size, 1)
        _bits("attention_bits", self.attention_bits)
        _bits("feed_forward_bits", self.feed_forward_bits)
        _sparsity(self)


@dataclass(frozen=True)
class ExitConfiguration(Stored):
    """Early exit by confidence (largest softmax probability; survey 3.5, DeeBERT's rule with a probability).

    ``layers`` are the teacher indices of kept layers, but the last, after which an exit stands. A batch leaves at an
    exit when the confidence of every one of its rows is above ``threshold``.
    """

    layers: tuple[int, ...]
    threshold: float

    def __post_init__(self) -> None:
        if not self.layers or list(self.layers) != sorted(set(self.layers)):
            raise InputError(f"exit layers must be increasing and at least one, but got {list(self.layers)}")
        if not 0.0 < self.threshold < 1.0:
            raise InputError(f"0 < exit threshold < 1 must hold, but got {self.threshold}")


@dataclass(frozen=True)
class TransformerConfiguration(Stored):
    """A sub-network of the elastic encoder."""

    hidden_size: int
    layers: tuple[LayerConfiguration, ...]
    vocabulary_size: int
    embedding_bits: int = 8
    exit: ExitConfiguration | None = None
    student: ClassVar[str] = "transformer"

    def __post_init__(self) -> None:
        _at_least("hidden_size", self.hidden_size, 1)
        _at_least("vocabulary_size", self.vocabulary_size, 1)
        _bits("embedding_bits", self.embedding_bits)
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

    def has_whole_layers(self, shape: EncoderShape) -> bool:
        """Whether the kept layers are the teacher's, nothing cut from them and in 8 bits or more."""
        whole = (shape.num_attention_heads, shape.intermediate_size)
        return self.hidden_size == shape.hidden_size and all(
            (layer.num_attention_heads, layer.intermediate_size) == whole
            and layer.sparsity == 0
            and min(layer.attention_bits, layer.feed_forward_bits) >= 8
            for layer in self.layers
        )


@dataclass(frozen=True)
class BiLSTMConfiguration(Stored):
    """A bidirectional LSTM over the teacher's word embeddings (survey 3.3; Tang et al. 2019).

    ``hidden_size`` is per direction; ``embedding_size`` leading channels of the teacher's embeddings are read.
    """

    embedding_size: int
    hidden_size: int
    num_layers: int
    vocabulary_size: int
    weight_bits: int = 8
    embedding_bits: int = 8
    sparsity: float = 0.0
    student: ClassVar[str] = "bilstm"

    def __post_init__(self) -> None:
        _student_fields(self)


@dataclass(frozen=True)
class CNNConfiguration(Stored):
    """Convolutions over the teacher's word embeddings (survey 3.3; Kim 2014, AdaBERT).

    ``hidden_size`` is the number of filters; layers after the first are residual.
    """

    embedding_size: int
    hidden_size: int
    num_layers: int
    kernel_size: int
    vocabulary_size: int
    weight_bits: int = 8
    embedding_bits: int = 8
    sparsity: float = 0.0
    student: ClassVar[str] = "cnn"

    def __post_init__(self) -> None:
        _student_fields(self)
        _at_least("kernel_size", self.kernel_size, 1)
        if self.kernel_size % 2 == 0:
            raise InputError(f"kernel_size must be odd and positive, but got {self.kernel_size}")


Configuration = TransformerConfiguration | BiLSTMConfiguration | CNNConfiguration
STUDENTS: dict[str, type[Configuration]] = {
    cls.student: cls for cls in (TransformerConfiguration, BiLSTMConfiguration, CNNConfiguration)
}


def configuration_to_json(configuration: Configuration) -> dict[str, Any]:
    """The versioned JSON form; ``configuration_from_json`` gives the equal value back."""
    return {"version": VERSION, "student": configuration.student, **configuration.to_json()}


def configuration_from_json(data: Mapping[str, Any]) -> Configuration:
    """Read the JSON form; InputError names what is unknown, missing or out of range."""
    fields = fields_of(data, "configuration", VERSION)
    student = fields.pop("student", None)
    if not isinstance(student, str) or student not in STUDENTS:
        raise InputError(f"student must be one of {', '.join(STUDENTS)}, but got {student!r}")
    configuration: Configuration = parsed(STUDENTS[student], fields)
    return configuration


def configuration_digest(configuration: Configuration) -> str:
    """SHA-256 (hex, 16 digits) of the canonical JSON form; equal configurations have equal digests."""
    canonical = json.dumps(configuration_to_json(configuration), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def describe(configuration: Configuration) -> str:
    """One short line for tables, such as ``L4 H256 A4 F512 w8 e8 v8000 exit>0.9``."""
    if isinstance(configuration, TransformerConfiguration):
        layers = configuration.layers
        parts = [
            f"L{len(layers)} H{configuration.hidden_size}",
            f"A{_span([layer.num_attention_heads for layer in layers])}",
            f"F{_span([layer.intermediate_size for layer in layers])}",
            f"w{_span([bits for layer in layers for bits in (layer.attention_bits, layer.feed_forward_bits)])}",
        ]
        zeros = max(layer.sparsity for layer in layers)
        exit_ = configuration.exit
        tail = f" exit>{exit_.threshold:.2f}" if exit_ is not None else ""
    else:
        kernel = f" K{configuration.kernel_size}" if isinstance(configuration, CNNConfiguration) else ""
        parts = [
            f"{configuration.student} L{configuration.num_layers} H{configuration.hidden_size}{kernel}",
            f"E{configuration.embedding_size} w{configuration.weight_bits}",
        ]
        zeros, tail = configuration.sparsity, ""
    if zeros:
        parts.append(f"s{zeros:.1f}")
    return " ".join([*parts, f"e{configuration.embedding_bits}", f"v{configuration.vocabulary_size}"]) + tail


def _span(values: list[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low}-{high}"


def _student_fields(configuration: BiLSTMConfiguration | CNNConfiguration) -> None:
    for name in ("embedding_size", "hidden_size", "num_layers", "vocabulary_size"):
        _at_least(name, getattr(configuration, name), 1)
    _bits("weight_bits", configuration.weight_bits)
    _bits("embedding_bits", configuration.embedding_bits)
    _sparsity(configuration)


def _at_least(name: str, value: int, low: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise InputError(f"{name} must be a whole number of at least {low}, but got {value!r}")


def _bits(name: str, value: int) -> None:
    if not isinstance(value, int) or value not in WEIGHT_BITS:
        raise InputError(f"{name} must be one of {WEIGHT_BITS}, but got {value!r}")


def _sparsity(holder: LayerConfiguration | BiLSTMConfiguration | CNNConfiguration) -> None:
    """Check the sparsity and keep it as a float: 0 and 0.0 are equal, so their digests must be."""
    value = holder.sparsity
    if not isinstance(value, int | float) or not 0.0 <= value <= 0.9:
        raise InputError(f"0 <= sparsity <= 0.9 must hold, but got {value!r}")
    object.__setattr__(holder, "sparsity", float(value))


StoredConfiguration = Annotated[Configuration, PlainValidator(configuration_from_json)]
