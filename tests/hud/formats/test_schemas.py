from __future__ import annotations

import copy
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from hud.formats.schemas import plain_root, resolve, rewritten

NODE = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}
BY_URL = {"type": "object", "properties": {"url": {"type": "string"}}, "required": ["url"]}
BY_PATH = {
    "type": "object",
    "properties": {"path": {"type": "string"}, "url": {"type": "null"}},
    "required": ["path"],
}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}}},
        {"$defs": {"Node": NODE}, **NODE},
        {"type": "object", "properties": {"a": {"format": "uri", "pattern": "^h", "default": "h"}}},
        {"type": "object", "properties": {}, "additionalProperties": False},
    ],
)
def test_a_plain_object_stays_as_it_is(schema: dict[str, Any]) -> None:
    before = copy.deepcopy(schema)
    assert plain_root(schema) == before
    plain_root(schema)["properties"]["b"] = {}
    assert schema == before


def test_a_root_that_is_a_reference_is_replaced_by_what_it_means() -> None:
    schema = {"$ref": "#/$defs/Node", "$defs": {"Node": NODE}, "description": "a list"}
    assert plain_root(schema) == {**NODE, "$defs": {"Node": NODE}, "description": "a list"}


def test_an_empty_schema_takes_no_arguments_in_particular() -> None:
    assert plain_root({}) == {"type": "object", "properties": {}}


@pytest.mark.parametrize("keyword", ["anyOf", "oneOf"])
def test_a_union_at_the_root_moves_into_properties_and_description(keyword: str) -> None:
    schema = {keyword: [BY_URL, {"$ref": "#/$defs/P"}], "$defs": {"P": BY_PATH}}
    plain = plain_root(schema)
    assert plain["properties"] == {
        "url": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "path": {"type": "string"},
    }
    assert (keyword in plain, plain["required"]) == (False, [])
    assert f"must match {keyword}" in plain["description"]


def test_everything_that_all_branches_ask_for_stays_required() -> None:
    both = {"allOf": [BY_URL, {"required": ["path"]}], "properties": {"path": {"type": "string"}}}
    assert plain_root(both)["required"] == ["path", "url"]


@pytest.mark.parametrize("arguments", [{"url": "u"}, {"path": "p"}, {"path": "p", "url": None}])
def test_what_a_union_allows_its_plain_form_allows(arguments: dict[str, Any]) -> None:
    schema = {"anyOf": [BY_URL, BY_PATH]}
    Draft202012Validator(schema).validate(arguments)
    Draft202012Validator(plain_root(schema)).validate(arguments)


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ("#/$defs/a~1b", {"type": "string"}),
        ("#/$defs/%C3%BC", {"type": "integer"}),
        ("#/$defs/chain", {"type": "string"}),
        ("#/$defs/circle", {}),
        ("#/$defs/missing", {}),
        ("https://example.com/schema", {}),
    ],
)
def test_references_are_followed_to_their_end(reference: str, found: dict[str, Any]) -> None:
    definitions = {
        "a/b": {"type": "string"},
        "ü": {"type": "integer"},
        "chain": {"$ref": "#/$defs/a~1b"},
        "circle": {"$ref": "#/$defs/circle"},
    }
    assert resolve({"$ref": reference}, {"$defs": definitions}) == found


def test_rewriting_reaches_every_schema_and_nothing_else() -> None:
    schema = {
        "properties": {"type": {"items": {"anyOf": [{}, True]}}, "b": {"default": {"x": {}}}},
        "$defs": {"A": {"additionalProperties": {}}},
    }
    marked = rewritten(schema, lambda node: {**node, "seen": True})
    assert marked["properties"]["type"]["items"]["anyOf"] == [{"seen": True}, True]
    assert marked["properties"]["b"] == {"default": {"x": {}}, "seen": True}
    assert marked["$defs"]["A"]["additionalProperties"] == {"seen": True}
