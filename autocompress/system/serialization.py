"""Converts frozen dataclasses to JSON and back, with every field checked against its type."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from typing import Any, ClassVar, Self

from pydantic import ConfigDict, TypeAdapter, ValidationError

from autocompress.system.errors import InputError


class Stored:
    """Base of dataclasses that are kept as JSON: unknown fields, other types, NaN and infinity are refused."""

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)

    def to_json(self) -> dict[str, Any]:
        """Return the fields in JSON's types, from which ``from_json`` makes an equal value."""
        fields: dict[str, Any] = json.loads(json.dumps(asdict(self)))  # type: ignore[call-overload]
        return fields

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Make a value of a JSON object; InputError names a field that is unknown, missing or of another type."""
        value: Self = parsed(cls, data)
        return value


def parsed(kind: Any, data: Any) -> Any:
    """Convert ``data``, made of JSON's types, to ``kind``; InputError names the first field that does not fit."""
    try:
        return _adapter(kind).validate_json(json.dumps(data, allow_nan=False))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = repr(".".join(str(part) for part in first["loc"])) if first["loc"] else "the whole"
        raise InputError(f"not a {kind.__name__}: {place}: {first['msg']}") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(f"not a {kind.__name__}: {error}") from error


def fields_of(data: Any, what: str, version: int) -> dict[str, Any]:
    """Return the fields of a versioned JSON object without the version; InputError if that is not ``version``."""
    fields = dict(data) if isinstance(data, Mapping) else {}
    found = fields.pop("version", None)
    if type(found) is not int or found != version:
        raise InputError(f"{what} version must be {version}, but got {found!r}")
    return fields


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
