"""Arguments for calls that nobody gave any for: what a schema offers as an example, else something
of the right type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DEPTH = 5
"""How deep a schema's parts are followed."""

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Sample:
    """Arguments for a call."""

    arguments: dict[str, Any]
    invented: tuple[str, ...] = ()
    """Those that the schema gives no example of: what refuses them may well be right to."""


class NoSample(Exception):
    """Nothing of the kind can be made up."""


def sample_arguments(schema: Schema) -> Sample:
    """Arguments that an object schema asks for; what it does not require is left out.

    Raises:
        NoSample: names an argument that cannot be made up.
    """
    return _sample(schema, schema.get("$defs") or {}, DEPTH)


def _sample(schema: Schema, definitions: Schema, depth: int) -> Sample:
    arguments: dict[str, Any] = {}
    invented = []
    for name in schema.get("required") or ():
        field = _resolved((schema.get("properties") or {}).get(name), definitions)
        arguments[name] = _value(name, field, definitions, depth)
        if not _offered(field):
            invented.append(name)
    return Sample(arguments, tuple(invented))


def _resolved(field: Any, definitions: Schema) -> Schema:
    """A field's schema, with a reference followed."""
    found = field if isinstance(field, Mapping) else {}
    if "$ref" in found:
        target = definitions.get(str(found["$ref"]).rpartition("/")[2])
        return target if isinstance(target, Mapping) else {}
    return found


def _offered(field: Schema) -> list[Any]:
    """Values that a schema names itself."""
    single = [field[key] for key in ("default", "const", "example") if key in field]
    return [*single, *(field.get("examples") or ()), *(field.get("enum") or ())]


def _invented(name: str, field: Schema, definitions: Schema, depth: int) -> Any:
    for branch in (
        *(field.get("anyOf") or ()),
        *(field.get("oneOf") or ()),
        *(field.get("allOf") or ()),
    ):
        resolved = _resolved(branch, definitions)
        if resolved.get("type") != "null":
            return _value(name, resolved, definitions, depth)
    kinds = field.get("type", "string")
    kind = (
        next((one for one in kinds if one != "null"), "null") if isinstance(kinds, list) else kinds
    )
    if kind == "string":
        return _string(name, field)
    if kind in ("integer", "number"):
        return _number(name, field)
    if kind == "array":
        items = _resolved(field.get("items"), definitions)
        return [
            _value(name, items, definitions, depth - 1) for _ in range(field.get("minItems", 0))
        ]
    if kind == "object":
        return _sample(field, definitions, depth - 1).arguments
    return {"boolean": False, "null": None}.get(str(kind))


def _value(name: str, field: Schema, definitions: Schema, depth: int) -> Any:
    if depth < 0:
        raise NoSample(f"`{name}` is nested too deep to be made up")
    offered = _offered(field)
    return offered[0] if offered else _invented(name, field, definitions, depth)


def _string(name: str, field: Schema) -> str:
    if "pattern" in field or "format" in field:
        raise NoSample(f"`{name}` has a form that cannot be made up")
    return "example".ljust(field.get("minLength", 0), "x")[: field.get("maxLength")]


def _number(name: str, field: Schema) -> int:
    low = field.get("minimum", field.get("exclusiveMinimum", 0) + 1)
    high = field.get("maximum", field.get("exclusiveMaximum"))
    value = int(-(-low // 1))
    if high is not None and value > high:
        value = int(high)
    if field.get("multipleOf"):
        raise NoSample(f"`{name}` has a form that cannot be made up")
    return value
