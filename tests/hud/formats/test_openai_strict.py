from __future__ import annotations

from enum import Enum
from typing import Any, Literal

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from pydantic import BaseModel, Field

from hud.errors import UserError
from hud.formats.openai_strict import holds_null, strict_schema, without_placeholders
from hud.formats.schemas import rewritten

REFUSED = {
    *("oneOf", "allOf", "not", "default", "minLength", "maxLength", "patternProperties"),
    *("prefixItems", "uniqueItems", "dependentRequired", "if", "then", "else"),
}


class Unit(Enum):
    CM = "cm"
    INCH = "inch"


class Circle(BaseModel):
    kind: Literal["circle"]
    radius: float = Field(gt=0)


class Square(BaseModel):
    kind: Literal["square"]
    side: float
    label: str | None = None


class Tree(BaseModel):
    name: str = Field(min_length=1, description="what it is called")
    parts: list[Tree] = []


class Draw(BaseModel):
    shape: Circle | Square = Field(discriminator="kind")
    unit: Unit = Unit.CM
    tree: Tree | None = None
    main: Tree = Field(description="the one to start with")
    count: int = Field(3, ge=1)
    link: str | None = Field(None, json_schema_extra={"format": "uri"})
    place: tuple[int, str] | None = None
    mode: Literal[1, "fast", None] = None


ORIGINAL = Draw.model_json_schema()
STRICT = strict_schema(ORIGINAL, "draw")
FULL: dict[str, Any] = {
    "shape": {"kind": "square", "side": 2, "label": None},
    "unit": None,
    "tree": {"name": "oak", "parts": [{"name": "leaf", "parts": None}]},
    "main": {"name": "elm", "parts": None},
    "count": None,
    "link": None,
    "place": [1, "a"],
    "mode": None,
}


def every_schema(schema: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    def collect(node: dict[str, Any]) -> dict[str, Any]:
        found.append(node)
        return node

    rewritten(schema, collect)
    return found


def test_every_object_is_closed_and_asks_for_all_of_its_fields() -> None:
    shapes = [node for node in every_schema(STRICT) if "properties" in node]
    assert len(shapes) == 4
    assert all(node["required"] == list(node["properties"]) for node in shapes)
    assert all(node["additionalProperties"] is False for node in shapes)


def test_no_schema_has_a_keyword_that_strict_mode_refuses() -> None:
    nodes = every_schema(STRICT)
    assert not REFUSED & {key for node in nodes for key in node}
    assert all(set(node) == {"$ref"} for node in nodes if "$ref" in node)


def test_what_strict_mode_refuses_is_said_in_the_description() -> None:
    shown = STRICT["properties"]
    assert shown["count"]["description"] == "default: 3"
    assert STRICT["$defs"]["Tree"]["properties"]["name"]["description"] == (
        "what it is called (minLength: 1)"
    )
    assert 'format: "uri"' in shown["link"]["description"]
    assert shown["main"] == {
        "anyOf": [{"$ref": "#/$defs/Tree"}],
        "description": "the one to start with",
    }


def test_what_strict_mode_produces_fits_the_tool_once_placeholders_are_gone() -> None:
    Draft202012Validator(STRICT).validate(FULL)
    arguments = without_placeholders(FULL, ORIGINAL)
    Draft202012Validator(ORIGINAL).validate(arguments)
    assert arguments["shape"] == {"kind": "square", "side": 2, "label": None}
    assert arguments["tree"] == {"name": "oak", "parts": [{"name": "leaf"}]}
    assert set(arguments) == set(FULL) - {"unit", "count"}


def test_nulls_that_mean_something_stay() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {}, "c": {"type": ["string", "null"]}},
        "required": ["a"],
    }
    arguments = {"a": None, "b": None, "c": None, "unknown": None, "d": [None]}
    assert without_placeholders(arguments, schema) == arguments


@pytest.mark.parametrize(
    ("value", "holds"), [({"a": [{"b": None}]}, True), ({"a": [0, "", {}]}, False), (None, True)]
)
def test_a_null_is_found_however_deep_it_is(value: Any, holds: bool) -> None:
    assert holds_null(value) is holds


def test_a_tool_without_arguments_is_strict() -> None:
    assert strict_schema({"type": "object"}, "ping") == {
        "type": "object",
        "properties": {},
        "required": [],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        ({}, "`x` may be anything"),
        (True, "`x` may be anything"),
        ({"type": "object"}, "`x` takes fields of any name"),
        (
            {"type": "object", "additionalProperties": {"type": "integer"}},
            "`x` takes fields of any",
        ),
        ({"type": "object", "patternProperties": {"^a": {}}}, "`x` takes fields of any name"),
        ({"type": "array"}, r"`x\[\]` may be anything"),
        ({"type": "array", "prefixItems": [{"type": "null"}]}, r"`x\[\]` may be anything"),
        ({"allOf": [{"type": "string"}, {"minLength": 1}]}, "`x` combines schemas with `allOf`"),
        ({"anyOf": [{"type": "string"}], "oneOf": [{"type": "null"}]}, "`x` combines several"),
        ({"type": "object", "properties": {"y": {}}}, r"`x.y` may be anything"),
    ],
)
def test_what_strict_mode_cannot_say_is_refused(member: Any, reason: str) -> None:
    with pytest.raises(UserError, match=f"the tool `t` cannot be offered .*: {reason}"):
        strict_schema({"type": "object", "properties": {"x": member}}, "t")


def test_a_root_that_takes_any_argument_is_refused() -> None:
    with pytest.raises(UserError, match="the argument object takes fields of any name"):
        strict_schema({"type": "object", "additionalProperties": True}, "t")


@pytest.mark.parametrize(
    ("member", "strict"),
    [
        ({"enum": ["a", 1]}, {"type": ["string", "integer"], "enum": ["a", 1]}),
        ({"const": True}, {"type": "boolean", "const": True}),
        ({"properties": {}, "additionalProperties": False}, {"type": "object"}),
        ({"allOf": [{"type": "string"}]}, {"anyOf": [{"type": "string"}]}),
        ({"type": "string", "pattern": "(?=a)"}, {"description": 'pattern: "(?=a)"'}),
        (
            {"type": "string", "pattern": "^a", "format": "date"},
            {"pattern": "^a", "format": "date"},
        ),
    ],
)
def test_a_required_value_keeps_its_meaning(member: Any, strict: dict[str, Any]) -> None:
    schema = {"type": "object", "properties": {"x": member}, "required": ["x"]}
    assert strict_schema(schema, "t")["properties"]["x"].items() >= strict.items()
