"""OpenAI's strict mode: argument schemas that it accepts, and the calls that come back.

Strict mode takes a part of JSON Schema: every object is closed and every property required. So
1. an optional property becomes required and nullable, and a null in a call stands for leaving it
   out (`without_placeholders` takes such nulls out again);
2. keywords that it refuses are said in the description instead;
3. what it cannot express (open objects, values of any type) is an error, not a narrower schema.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from hud.errors import UserError
from hud.formats.schemas import UNIONS, Schema, described, plain_root, resolve

KEPT = frozenset(
    {
        *("type", "title", "description", "enum", "const", "anyOf", "$ref", "$defs", "definitions"),
        *("properties", "required", "additionalProperties", "items", "minItems", "maxItems"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("pattern", "format"),
    }
)
"""Keywords that strict mode understands."""
SILENT = frozenset({"$schema", "$id", "$comment", "discriminator"})
"""Keywords that say nothing about which values are valid."""
FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"}
)
LOOK_AROUND = re.compile(r"\(\?<?[=!]")
ABOUT = ("title", "description")
TYPE_NAMES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


class Inexpressible(ValueError):
    """A schema that strict mode has no words for."""


def strict_schema(schema: Mapping[str, Any], tool: str) -> Schema:
    """The argument schema of `tool` for strict mode.

    Raises:
        UserError: strict mode cannot express the schema; names the argument and the reason.
    """
    root = plain_root(schema)
    try:
        return _strict({"additionalProperties": False, **root}, "")
    except Inexpressible as exc:
        raise UserError(
            f"the tool `{tool}` cannot be offered in OpenAI's strict mode: {exc}",
            hint="leave it out with `strict=False`, or declare the argument's fields",
        ) from exc


def without_placeholders(value: Any, schema: Any, root: Mapping[str, Any] | None = None) -> Any:
    """Arguments without the nulls that stand for optional values.

    Those are the nulls that the tool's own `schema` does not allow, where it asks for no value.
    """
    root = schema if root is None else root
    if isinstance(value, list):
        items: Any = next((leaf["items"] for leaf in _leaves(schema, root) if "items" in leaf), {})
        return [without_placeholders(item, items, root) for item in value]
    if not isinstance(value, dict):
        return value
    shape = next((leaf for leaf in _leaves(schema, root) if _is_made_for(value, leaf)), {})
    members, needed = shape.get("properties", {}), shape.get("required", ())
    return {
        name: without_placeholders(member, members.get(name, {}), root)
        for name, member in value.items()
        if member is not None or name in needed or _takes_null(members.get(name, {}), root)
    }


def holds_null(value: Any) -> bool:
    """Whether there is a null anywhere in a JSON value."""
    if isinstance(value, dict):
        return any(holds_null(item) for item in value.values())
    return value is None or (isinstance(value, list) and any(holds_null(item) for item in value))


def _strict(schema: Any, where: str) -> Schema:
    if not isinstance(schema, dict):
        raise Inexpressible(f"{_name(where)} may be anything")
    if schema.get("patternProperties"):
        raise Inexpressible(f"{_name(where)} takes fields of any name")
    node = _with_items(_with_type(_with_one_union(schema, where), where))
    facts = {key: value for key, value in node.items() if key not in KEPT and key not in SILENT}
    kept = {key: value for key, value in node.items() if key in KEPT}
    for key in ("pattern", "format"):
        if key in kept and not _is_known(key, kept[key]):
            facts[key] = kept.pop(key)
    return described(_with_strict_members(kept, where), **facts)


def _with_one_union(schema: Schema, where: str) -> Schema:
    """Strict mode knows `anyOf` only, and no keyword beside `$ref` that constrains."""
    node = dict(schema)
    if len(node.get("allOf", ())) > 1:
        raise Inexpressible(f"{_name(where)} combines schemas with `allOf`")
    unions = [node.pop(key) for key in ("anyOf", "oneOf", "allOf") if node.get(key)]
    if "$ref" in node and len(node) > 1:
        unions.append([{"$ref": node.pop("$ref")}])
    if len(unions) > 1:
        raise Inexpressible(f"{_name(where)} combines several unions")
    return {**node, "anyOf": unions[0]} if unions else node


def _with_type(node: Schema, where: str) -> Schema:
    if "type" in node or "anyOf" in node or "$ref" in node:
        return node
    values = [node["const"]] if "const" in node else node.get("enum")
    if values and all(type(value) in TYPE_NAMES for value in values):
        types = list(dict.fromkeys(TYPE_NAMES[type(value)] for value in values))
        return {"type": types[0] if len(types) == 1 else types, **node}
    if "properties" in node:
        return {"type": "object", **node}
    raise Inexpressible(f"{_name(where)} may be anything")


def _with_items(node: Schema) -> Schema:
    """A tuple as an array of what its places hold; the order of the places is described."""
    places = node.get("prefixItems", ())
    if "items" in node or not places or node.get("maxItems", math.inf) > len(places):
        return node
    return {**node, "items": {"anyOf": list(places)} if len(places) > 1 else places[0]}


def _with_strict_members(node: Schema, where: str) -> Schema:
    node = dict(node)
    kinds = node.get("type")
    if kinds == "object" or (isinstance(kinds, list) and "object" in kinds):
        node = _closed(node, where)
    if kinds == "array" or (isinstance(kinds, list) and "array" in kinds):
        node["items"] = _strict(node.get("items"), f"{where}[]")
    if "anyOf" in node:
        node["anyOf"] = [_strict(branch, where) for branch in node["anyOf"]]
    for key in ("$defs", "definitions"):
        if key in node:
            node[key] = {name: _strict(member, name) for name, member in node[key].items()}
    return node


def _closed(node: Schema, where: str) -> Schema:
    members = node.get("properties", {})
    if node.get("additionalProperties", not members) is not False:
        raise Inexpressible(f"{_name(where)} takes fields of any name")
    needed = node.get("required", ())
    strict_members = {}
    for name, member in members.items():
        path = f"{where}.{name}" if where else name
        strict_members[name] = _strict(member, path) if name in needed else _optional(member, path)
    shut = {"required": list(members), "additionalProperties": False}
    return {**node, "properties": strict_members, **shut}


def _optional(member: Any, where: str) -> Schema:
    node = _strict(member, where)
    if _takes_null(node, node):
        return node
    outer: Schema = {key: node.pop(key) for key in ABOUT if key in node}
    branches = node["anyOf"] if set(node) == {"anyOf"} else [node]
    return {"anyOf": [*branches, {"type": "null"}], **outer}


def _is_known(key: str, value: Any) -> bool:
    return value in FORMATS if key == "format" else not LOOK_AROUND.search(str(value))


def _name(where: str) -> str:
    return f"`{where}`" if where else "the argument object"


def _takes_null(schema: Any, root: Mapping[str, Any]) -> bool:
    return any(_leaf_takes_null(leaf) for leaf in _leaves(schema, root))


def _leaf_takes_null(leaf: Schema) -> bool:
    if "const" in leaf:
        return leaf["const"] is None
    kinds = leaf.get("type", leaf.get("enum", ["null"]))
    return kinds == "null" or (isinstance(kinds, list) and ("null" in kinds or None in kinds))


def _leaves(schema: Any, root: Mapping[str, Any]) -> Iterator[Schema]:
    """The schemas that a schema is a union of, references followed; itself if it is none."""
    if not isinstance(schema, dict):
        return
    node = resolve(schema, root)
    if "$ref" in schema and not node:
        return
    branches = [branch for key in UNIONS for branch in node.get(key, ())]
    if not branches:
        yield node
    for branch in branches:
        yield from _leaves(branch, root)


def _is_made_for(value: Mapping[str, Any], leaf: Schema) -> bool:
    """Whether an object has no fields but the leaf's, and the leaf's constants."""
    members = leaf.get("properties", {})
    known = set(value) <= set(members)
    return known and all(_is_constant(value[name], members[name]) for name in value)


def _is_constant(value: Any, schema: Any) -> bool:
    if not isinstance(schema, dict) or value is None:
        return True
    return value in schema.get("enum", [schema.get("const", value)])
