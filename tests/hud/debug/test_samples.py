"""Arguments made up from schemas."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import validate  # type: ignore[import-untyped]

from hud.debug.samples import NoSample, sample_arguments

LEVEL = {"$ref": "#/$defs/Level"}


def schema(field: dict[str, Any], **parts: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"it": field}, "required": ["it"], **parts}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ({"type": "string", "default": "a"}, "a"),
        ({"type": "string", "examples": ["b", "c"]}, "b"),
        ({"enum": ["small", "large"]}, "small"),
        ({"const": 3}, 3),
        (LEVEL, "low"),
    ],
)
def test_what_a_schema_offers_is_taken(field: dict[str, Any], value: Any) -> None:
    sample = sample_arguments(schema(field, **{"$defs": {"Level": {"enum": ["low"]}}}))
    assert (sample.arguments, sample.invented) == ({"it": value}, ())


@pytest.mark.parametrize(
    "field",
    [
        {"type": "string"},
        {"type": "string", "minLength": 10},
        {"type": "string", "maxLength": 2},
        {"type": "integer"},
        {"type": "integer", "minimum": 5},
        {"type": "integer", "maximum": -3},
        {"type": "number", "exclusiveMinimum": 1.5},
        {"type": "boolean"},
        {"type": "null"},
        {"type": ["null", "integer"]},
        {"type": "array", "items": {"type": "integer"}},
        {"type": "array", "items": {"type": "string"}, "minItems": 2},
        {"type": "object"},
        {"anyOf": [{"type": "null"}, {"type": "string"}]},
        {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
        {},
    ],
)
def test_what_is_made_up_fits_and_is_said_to_be_made_up(field: dict[str, Any]) -> None:
    sample = sample_arguments(schema(field))
    validate(sample.arguments, schema(field))
    assert sample.invented == ("it",)


def test_what_is_not_required_is_left_out() -> None:
    assert sample_arguments({"type": "object", "properties": {"a": {}}}).arguments == {}


@pytest.mark.parametrize(
    "field",
    [
        {"type": "string", "pattern": "^[a-f]{40}$"},
        {"type": "string", "format": "uri"},
        {"type": "integer", "multipleOf": 7},
        {"type": "array", "items": {"type": "string", "format": "date"}, "minItems": 1},
        {"$ref": "#/$defs/Tree"},
    ],
)
def test_what_has_a_form_of_its_own_is_not_made_up(field: dict[str, Any]) -> None:
    tree = {
        "type": "object",
        "properties": {"left": {"$ref": "#/$defs/Tree"}},
        "required": ["left"],
    }
    with pytest.raises(NoSample, match="`"):
        sample_arguments(schema(field, **{"$defs": {"Tree": tree}}))
