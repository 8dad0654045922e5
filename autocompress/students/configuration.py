"""Defines a configuration, one point of the joint space, with a versioned JSON form and a stable digest."""

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
"""Names and values, in order of the names, of dimensions without a field of their own; neutral ones are left out."""


class Configuration(Stored):
    """Base of the configurations of all student types, each a frozen dataclass."""

    student: ClassVar[str]
    vocabulary_size: int
    embedding_bits: int
    extra: Extra


def configuration_to_json(configuration: Configuration) -> dict[str, Any]:
    """The versioned JSON form; ``configuration_from_json`` gives the equal value back."""
    fields = _flat(configuration.to_json())
    if "layers" in fields:
        fields["layers"] = [_flat(layer) for layer in fields["layers"]]
    return {"version": VERSION, "student": configuration.student, **fields}


def configuration_from_json(data: Mapping[str, Any]) -> Configuration:
    """Read the JSON form; InputError names what is unknown, missing or out of range."""
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
    """SHA-256 (hex, 16 digits) of the canonical JSON form; equal configurations have equal digests."""
    canonical = json.dumps(configuration_to_json(configuration), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def describe(configuration: Configuration) -> str:
    """One short line for tables, such as ``L4 H256 A4 F512 w8 e8 v8000 exit>0.9``."""
    labels = sorted(labels_of(dimensions_of(configuration.student), configuration))
    return " ".join([*STUDENTS[configuration.student].prefix, *(text for _, text in labels)])


def own_values(values: Mapping[str, Any], student: str, per_layer: bool, own: set[str]) -> dict[str, Any]:
    """``values`` by dimension as arguments of a configuration or layer: those not ``own`` go to extra."""
    omitted = {d.name: d.omitted for d in dimensions_of(student) if d.per_layer == per_layer}
    extra = {name: value for name, value in values.items() if name not in own and value != omitted[name]}
    return {**{name: value for name, value in values.items() if name in own}, "extra": tuple(sorted(extra.items()))}


def at_least(name: str, value: int, low: int) -> None:
    """InputError unless ``value`` is a whole number of at least ``low``."""
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise InputError(f"{name} must be a whole number of at least {low}, but got {value!r}")


def check_bits(name: str, value: int) -> None:
    """InputError unless ``value`` is one of ``WEIGHT_BITS``."""
    if not isinstance(value, int) or value not in WEIGHT_BITS:
        raise InputError(f"{name} must be one of {WEIGHT_BITS}, but got {value!r}")


def check_sparsity(holder: Any) -> None:
    """Check the sparsity of a frozen dataclass and keep it as a float: the digests of 0 and 0.0 must be equal."""
    value = holder.sparsity
    if not isinstance(value, int | float) or not 0.0 <= value <= 0.9:
        raise InputError(f"0 <= sparsity <= 0.9 must hold, but got {value!r}")
    object.__setattr__(holder, "sparsity", float(value))


def _flat(fields: dict[str, Any]) -> dict[str, Any]:
    """The JSON object with the extra values beside its fields."""
    extra = dict(fields.pop("extra"))
    return fields | extra


def _gathered(fields: dict[str, Any], student: str, per_layer: bool) -> dict[str, Any]:
    """The inverse of ``_flat``; a neutral value counts as one that is left out."""
    if "extra" in fields:
        raise InputError("not a configuration: 'extra': unknown field")
    known = {d.name: d.omitted for d in dimensions_of(student) if d.omitted is not None and d.per_layer == per_layer}
    extra = {name: fields[name] for name in known if name in fields and fields[name] != known[name]}
    rest = {name: value for name, value in fields.items() if name not in known}
    return {**rest, "extra": sorted(extra.items())} if extra else rest


StoredConfiguration = Annotated[Configuration, PlainValidator(configuration_from_json)]
