"""Values that are kept as JSON: frozen dataclasses that read a file with the types of their fields, or refuse it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from typing import Any, ClassVar, Self

from pydantic import ConfigDict, TypeAdapter, ValidationError

from autocompress.system.errors import InputError


class Stored:
    """Base of such dataclasses: no unknown fields, nothing converted, no NaN or infinity."""

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)

    def to_json(self) -> dict[str, Any]:
        """The fields in JSON's types; ``from_json`` gives the equal value back."""
        fields: dict[str, Any] = json.loads(json.dumps(asdict(self)))  # type: ignore[call-overload]
        return fields

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """The value of a JSON object; InputError says which field is unknown, missing, or of another type."""
        value: Self = parsed(cls, data)
        return value


def parsed(kind: Any, data: Any) -> Any:
    """``data``, made of JSON's types, as a value of type ``kind``; InputError names the first field that is not."""
    try:
        return _adapter(kind).validate_json(json.dumps(data, allow_nan=False))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = repr(".".join(str(part) for part in first["loc"])) if first["loc"] else "the whole"
        raise InputError(f"not a {kind.__name__}: {place}: {first['msg']}") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(f"not a {kind.__name__}: {error}") from error


def fields_of(data: Any, what: str, version: int) -> dict[str, Any]:
    """The fields of a JSON object that names its version; InputError if it is none, or of another version."""
    fields = dict(data) if isinstance(data, Mapping) else {}
    found = fields.pop("version", None)
    if type(found) is not int or found != version:
        raise InputError(f"{what} version must be {version}, but got {found!r}")
    return fields


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
