"""Arguments of prompts on MCP's wire, where every one of them is a string."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from pydantic_core import to_jsonable_python

from hud.environment.arguments import ArgumentError, Arguments


class Parameterised(Protocol):
    """A scenario or a prompt: something with declared arguments."""

    arguments: Arguments


def encode_arguments(arguments: Mapping[str, Any]) -> dict[str, str]:
    """Arguments as MCP prompts carry them: strings as they are, everything else as JSON."""
    plain = to_jsonable_python(dict(arguments))
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in plain.items()
    }


def decode_arguments(target: Parameterised, wire: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as MCP prompts carry them (strings) in the types of the target's signature.

    A parameter that admits strings keeps them as they are; any other string is read as JSON first.
    One that also admits null takes `"null"` for it: there is no other way to say so on this wire.
    """
    schema = target.arguments.schema
    fields, definitions = schema["properties"], schema.get("$defs", {})
    return {
        name: _decode(value, _admitted(fields.get(name, {}), definitions))
        for name, value in wire.items()
    }


def validate_arguments(target: Parameterised, given: Mapping[str, Any]) -> dict[str, Any]:
    """The validated arguments, whether they were given in their types or as the wire carries them.

    Raises:
        ArgumentError: they fit neither way.
    """
    try:
        return target.arguments.validate(given)
    except ArgumentError:
        decoded = decode_arguments(target, given)
        if decoded == given:
            raise
        return target.arguments.validate(decoded)


def _decode(value: Any, admitted: set[str]) -> Any:
    if not isinstance(value, str):
        return value
    if "string" in admitted:
        return None if value == "null" and "null" in admitted else value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _admitted(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> set[str]:
    """The JSON types that a schema admits, strings among them where it names none."""
    kinds = field.get("type", [])
    admitted = {kinds} if isinstance(kinds, str) else set(kinds)
    if any(isinstance(value, str) for value in (*field.get("enum", ()), field.get("const"))):
        admitted.add("string")
    for branch in (*field.get("anyOf", ()), *field.get("oneOf", ())):
        admitted |= _admitted(branch, definitions)
    if "$ref" in field:
        target = definitions.get(field["$ref"].rpartition("/")[2], {})
        admitted |= _admitted({"type": "object"} if "$ref" in target else target, definitions)
    return admitted or {"string"}
