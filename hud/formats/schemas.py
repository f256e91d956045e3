"""JSON Schemas of tool arguments, rewritten where a provider refuses a spelling, without loss."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

Schema = dict[str, Any]

UNIONS = ("anyOf", "oneOf", "allOf")
NOT_AT_THE_ROOT = (*UNIONS, "not", "enum")
NAMED = ("properties", "$defs", "definitions", "patternProperties", "dependentSchemas")
LISTED = (*UNIONS, "prefixItems")
SINGLE = (
    *("items", "additionalProperties", "contains", "propertyNames", "not", "if", "then", "else"),
    *("unevaluatedItems", "unevaluatedProperties"),
)


def resolve(schema: Any, root: Mapping[str, Any]) -> Schema:
    """Follow local references (`#/…`) to a schema; it is empty where they lead nowhere."""
    seen = set()
    while isinstance(schema, dict) and "$ref" in schema:
        reference = schema["$ref"]
        if reference in seen:
            return {}
        seen.add(reference)
        schema = _target(reference, root)
    return schema if isinstance(schema, dict) else {}


def plain_root(schema: Mapping[str, Any]) -> Schema:
    """A copy of an argument schema whose root is a plain object with `properties`.

    OpenAI and Claude refuse references and unions at the root (and only there). The properties of a
    union's branches move up, and the union itself is said in the description.
    """
    whole: Schema = copy.deepcopy(dict(schema))
    if "$ref" in whole:
        target = copy.deepcopy(resolve(whole, whole))
        del whole["$ref"]
        whole = target | whole
    refused = {key: whole.pop(key) for key in NOT_AT_THE_ROOT if key in whole}
    whole["type"] = "object"
    whole.setdefault("properties", {})
    return _hoisted(whole, refused) if refused else whole


def rewritten(schema: Any, change: Callable[[Schema], Schema]) -> Any:
    """A copy in which `change` was applied to every schema in it, innermost first."""
    if not isinstance(schema, dict):
        return schema
    node = {key: _rewritten_member(key, value, change) for key, value in schema.items()}
    return change(node)


def described(schema: Schema, **facts: Any) -> Schema:
    """The schema with `facts` (keyword → JSON value) said in its description."""
    if not facts:
        return schema
    values = {
        key: json.dumps(value, ensure_ascii=False, default=str) for key, value in facts.items()
    }
    said = "; ".join(f"{key}: {value}" for key, value in values.items())
    before = schema.get("description")
    return {**schema, "description": f"{before} ({said})" if before else said}


def _target(reference: Any, root: Mapping[str, Any]) -> Any:
    if reference == "#":
        return root
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return {}
    node: Any = root
    for step in unquote(reference[2:]).split("/"):
        key = step.replace("~1", "/").replace("~0", "~")
        node = node.get(key) if isinstance(node, Mapping) else None
    return node


def _rewritten_member(key: str, value: Any, change: Callable[[Schema], Schema]) -> Any:
    if key in NAMED and isinstance(value, dict):
        return {name: rewritten(member, change) for name, member in value.items()}
    if key in LISTED and isinstance(value, list):
        return [rewritten(member, change) for member in value]
    if key in SINGLE:
        return rewritten(value, change)
    return copy.deepcopy(value)


def _hoisted(whole: Schema, refused: Mapping[str, Any]) -> Schema:
    properties: dict[str, Any] = dict(whole["properties"])
    for keyword in UNIONS:
        for branch in _branches(refused.get(keyword), whole):
            for name, member in branch.get("properties", {}).items():
                properties[name] = _either(properties.get(name, member), member)
    always = _required_everywhere(refused, whole)
    needed = [name for name in properties if name in always or name in whole.get("required", ())]
    plain = {**whole, "properties": properties, "required": needed}
    facts = {f"the arguments must match {key}": value for key, value in refused.items()}
    return described(plain, **facts)


def _branches(members: Any, root: Schema) -> Iterator[Schema]:
    return (resolve(member, root) for member in members or ())


def _required_everywhere(refused: Mapping[str, Any], root: Schema) -> set[str]:
    needed: set[str] = set()
    for branch in _branches(refused.get("allOf"), root):
        needed |= set(branch.get("required", ()))
    for keyword in ("anyOf", "oneOf"):
        asked = [
            set(branch.get("required", ())) for branch in _branches(refused.get(keyword), root)
        ]
        needed |= set.intersection(*asked) if asked else set()
    return needed


def _either(one: Any, other: Any) -> Any:
    return one if one == other else {"anyOf": [one, other]}
