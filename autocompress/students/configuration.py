"""Defines a configuration, one point of a search space, with a versioned JSON form and a stable digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import PlainValidator

from autocompress.students.choice import Value
from autocompress.students.dimension import labels_of
from autocompress.students.registry import STUDENTS, dimensions_of
from autocompress.system.errors import InputError
from autocompress.system.serialization import Stored, fields_of, parsed

VERSION = 1
WEIGHT_BITS = (32, 8, 4, 2)
Extra = tuple[tuple[str, Value], ...]
"""Pairs (name, value) of dimensions that have no field in the configuration, sorted by name, without neutral values."""


class Configuration(Stored):
    """Base of the configurations of all student types, which are frozen dataclasses.

    ``student`` is the name of the type. The ``vocabulary_size`` most frequent tokens have a row in the embedding table,
    whose weights have ``embedding_bits`` bits.
    """

    student: ClassVar[str]
    vocabulary_size: int
    embedding_bits: int
    extra: Extra


def configuration_to_json(configuration: Configuration) -> dict[str, Any]:
    """Return the versioned JSON form, which ``configuration_from_json`` turns back into an equal configuration.

    >>> from autocompress.students.bilstm.configuration import BiLSTMConfiguration
    >>> configuration = BiLSTMConfiguration(embedding_size=128, hidden_size=64, num_layers=1, vocabulary_size=8000)
    >>> data = configuration_to_json(configuration)
    >>> data["version"], data["student"], data["hidden_size"], data["weight_bits"]
    (1, 'bilstm', 64, 8)
    >>> configuration_from_json(data) == configuration
    True
    """
    fields = _flat(configuration.to_json())
    if "layers" in fields:
        fields["layers"] = [_flat(layer) for layer in fields["layers"]]
    return {"version": VERSION, "student": configuration.student, **fields}


def configuration_from_json(data: Mapping[str, Any]) -> Configuration:
    """Build the configuration of a JSON form; InputError names a field that is unknown, missing or out of range."""
    fields = fields_of(data, "configuration", VERSION)
    student = fields.pop("student", None)
    if not isinstance(student, str) or student not in STUDENTS:
        raise InputError(f"student must be one of {', '.join(STUDENTS)}, but got {student!r}")
    layers = fields.get("layers")
    if isinstance(layers, list):
        fields["layers"] = [_gathered(layer, student, True) if isinstance(layer, dict) else layer for layer in layers]
    configuration: Configuration = parsed(STUDENTS[student].configuration, _gathered(fields, student, False))
    return configuration


def configuration_digest(configuration: Configuration) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of the canonical JSON form.

    Equal configurations have equal digests.

    >>> from autocompress.students.bilstm.configuration import BiLSTMConfiguration
    >>> whole, fraction = BiLSTMConfiguration(128, 64, 1, 8000, sparsity=0), BiLSTMConfiguration(128, 64, 1, 8000)
    >>> configuration_digest(whole) == configuration_digest(fraction)
    True
    """
    canonical = json.dumps(configuration_to_json(configuration), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def describe(configuration: Configuration) -> str:
    """Return one short line for tables, such as ``L4 H256 A4 F512 w8 e8 v8000 exit>0.90``.

    Each dimension declares its letters: L layers, H hidden size, A attention heads, F feed-forward neurons, w and e
    bits of weights and embeddings, v tokens in the vocabulary.

    >>> from autocompress.students.bilstm.configuration import BiLSTMConfiguration
    >>> describe(BiLSTMConfiguration(embedding_size=128, hidden_size=64, num_layers=1, vocabulary_size=8000))
    'bilstm L1 H64 E128 w8 e8 v8000'
    """
    labels = sorted(labels_of(dimensions_of(configuration.student), configuration))
    return " ".join([*STUDENTS[configuration.student].prefix, *(text for _, text in labels)])


def own_values(values: Mapping[str, Any], student: str, per_layer: bool, own: set[str]) -> dict[str, Any]:
    """Return the ``values`` of dimensions as arguments of a configuration or a layer, which has the fields ``own``.

    Values of dimensions without a field become ``extra``, unless they are neutral.
    """
    omitted = {d.name: d.omitted for d in dimensions_of(student) if d.per_layer == per_layer}
    extra = {name: value for name, value in values.items() if name not in own and value != omitted[name]}
    return {**{name: value for name, value in values.items() if name in own}, "extra": tuple(sorted(extra.items()))}


def at_least(name: str, value: int, low: int) -> None:
    """Raise InputError unless ``value`` is a whole number of at least ``low``."""
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise InputError(f"{name} must be a whole number of at least {low}, but got {value!r}")


def check_bits(name: str, value: int) -> None:
    """Raise InputError unless ``value`` is one of ``WEIGHT_BITS``."""
    if not isinstance(value, int) or value not in WEIGHT_BITS:
        raise InputError(f"{name} must be one of {WEIGHT_BITS}, but got {value!r}")


def check_sparsity(holder: Any) -> None:
    """Raise InputError unless ``holder.sparsity`` is from 0 to 0.9; make it a float, so that 0 and 0.0 have one digest.

    ``holder`` is a frozen dataclass, whose sparsity is the fraction of zero weights.
    """
    value = holder.sparsity
    if not isinstance(value, int | float) or not 0.0 <= value <= 0.9:
        raise InputError(f"0 <= sparsity <= 0.9 must hold, but got {value!r}")
    object.__setattr__(holder, "sparsity", float(value))


def _flat(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON object with the pairs of ``extra`` as fields."""
    extra = dict(fields.pop("extra"))
    return fields | extra


def _gathered(fields: dict[str, Any], student: str, per_layer: bool) -> dict[str, Any]:
    """Return the JSON object with those fields moved to ``extra``, without neutral values: the inverse of ``_flat``."""
    if "extra" in fields:
        raise InputError("not a configuration: 'extra': unknown field")
    known = {d.name: d.omitted for d in dimensions_of(student) if d.omitted is not None and d.per_layer == per_layer}
    extra = {name: fields[name] for name in known if name in fields and fields[name] != known[name]}
    rest = {name: value for name, value in fields.items() if name not in known}
    return {**rest, "extra": sorted(extra.items())} if extra else rest


StoredConfiguration = Annotated[Configuration, PlainValidator(configuration_from_json)]
