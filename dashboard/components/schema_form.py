"""Input fields out of a JSON schema, and the arguments that a user gave them.

Strings, numbers, truth values and choices get a field of their kind; everything else is written as
JSON. A field that is left empty is left out, unless it is required.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import streamlit as st

from dashboard.components.plain import cleaned, escaped
from hud.errors import UserError

MOST_FIELDS = 40
"""Schemas with more properties are written as one JSON object."""
DEEPEST = 8
"""References that are followed before a schema counts as `anything`."""
LONG_NAMES = ("code", "text", "content", "body", "prompt", "query", "script", "source", "message")
Schema = Mapping[str, Any]


class Field(NamedTuple):
    """One argument."""

    name: str
    schema: Schema
    """Without references and without the alternative `null`."""
    required: bool

    @property
    def kind(self) -> str:
        """`choice`, `string`, `integer`, `number`, `boolean`, or `json`."""
        if isinstance(self.schema.get("enum"), list) and self.schema["enum"]:
            return "choice"
        kind = self.schema.get("type")
        plain = {"string", "integer", "number", "boolean"}
        return kind if isinstance(kind, str) and kind in plain else "json"


def fields_of(schema: Schema) -> list[Field]:
    """The arguments that an object's schema describes, the required ones first."""
    properties = schema.get("properties") or {}
    required = set(schema.get("required") or ())
    found = [
        Field(name, _flat(item, schema), name in required) for name, item in properties.items()
    ]
    return sorted(found, key=lambda field: not field.required)


def show_fields(fields: list[Field], key: str) -> dict[str, Any]:
    """Draw the fields; what they hold now, by name, as widgets give it."""
    if len(fields) > MOST_FIELDS:
        return {"": st.text_area("Arguments as JSON", "{}", key=f"{key}-all")}
    return {field.name: _draw(field, f"{key}-{field.name}") for field in fields}


def arguments_of(fields: list[Field], given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that the fields' values mean.

    Raises:
        UserError: a field does not hold JSON, or a required one nothing.
    """
    if "" in given and len(fields) > MOST_FIELDS:
        return _as_object(given[""])
    read = ((field, _read(field, given.get(field.name))) for field in fields)
    return {field.name: value for field, value in read if value is not None}


def _draw(field: Field, key: str) -> Any:
    label = escaped(field.name) + ("" if field.required else " · optional")
    about = field.schema.get("description")
    help = escaped(about, 600) if about else None
    default = field.schema.get("default")
    if field.kind == "choice":
        options = list(field.schema["enum"])
        index = options.index(default) if default in options else 0 if field.required else None
        return st.selectbox(label, options, index, format_func=_shown, key=key, help=help)
    if field.kind == "boolean":
        return st.checkbox(label, default is True, key=key, help=help)
    if field.kind in ("integer", "number"):
        return _draw_number(field, label, key, help)
    if field.kind == "json":
        text = "" if default is None else json.dumps(default)
        return st.text_area(f"{label} · JSON", text, key=key, help=help, height=80)
    text = cleaned(default) if isinstance(default, str) else ""
    if field.name.lower() in LONG_NAMES:
        return st.text_area(label, text, key=key, help=help, height=80)
    return st.text_input(label, text, key=key, help=help)


def _draw_number(field: Field, label: str, key: str, help: str | None) -> Any:
    default = field.schema.get("default")
    number = int if field.kind == "integer" else float
    usable = isinstance(default, int | float) and not isinstance(default, bool)
    return st.number_input(
        label,
        value=number(default) if usable and default is not None else None,
        step=1 if field.kind == "integer" else None,
        key=key,
        help=help,
        placeholder="a whole number" if field.kind == "integer" else "a number",
    )


def _read(field: Field, value: Any) -> Any:
    if field.kind == "string":
        return value if value or field.required else None
    if field.kind == "json" and isinstance(value, str):
        value = _as_json(field.name, value) if value.strip() else None
    if field.kind == "boolean" and not field.required and not value:
        return False if field.schema.get("default") is True else None
    if value is None and field.required:
        raise UserError(f"`{field.name}` is required", hint="fill in the field")
    return value


def _as_json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as exc:
        hint = 'a list is ["a", "b"], an object {"key": 1}, a text "in quotes"'
        raise UserError(
            f"`{name}` is not JSON: {exc.msg} at character {exc.pos + 1}", hint=hint
        ) from exc


def _as_object(text: str) -> dict[str, Any]:
    value = _as_json("arguments", text or "{}")
    if not isinstance(value, dict):
        raise UserError("the arguments are no JSON object", hint='{"name": "value"}')
    return value


def _flat(schema: Any, root: Schema) -> Schema:
    """The schema with its references followed, and the only alternative to null taken."""
    for _ in range(DEEPEST):
        if not isinstance(schema, Mapping):
            return {}
        if "$ref" in schema:
            rest = {key: item for key, item in schema.items() if key != "$ref"}
            schema = {**_referred(str(schema["$ref"]), root), **rest}
            continue
        options = schema.get("anyOf") or schema.get("oneOf") or ()
        real = [item for item in options if not _is_null(item)]
        if len(real) != 1:
            return _without_null(schema)
        rest = {key: item for key, item in schema.items() if key not in ("anyOf", "oneOf")}
        schema = {**real[0], **rest}
    return {}


def _without_null(schema: Schema) -> Schema:
    kind = schema.get("type")
    if isinstance(kind, list) and len(real := [item for item in kind if item != "null"]) == 1:
        return {**schema, "type": real[0]}
    return schema


def _is_null(schema: Any) -> bool:
    return isinstance(schema, Mapping) and schema.get("type") == "null"


def _referred(reference: str, root: Schema) -> Schema:
    found: Any = root
    for part in reference.removeprefix("#/").split("/"):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _shown(value: Any) -> str:
    return cleaned(value if isinstance(value, str) else json.dumps(value))
