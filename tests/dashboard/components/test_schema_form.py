"""Fields out of a JSON schema, and arguments out of what was entered."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.components.schema_form import arguments_of, fields_of
from hud.errors import UserError

POINT = {"type": "object", "properties": {"x": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "string"}, "string"),
        ({"type": "integer"}, "integer"),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, "number"),
        ({"type": ["boolean", "null"]}, "boolean"),
        ({"enum": ["a", "b"]}, "choice"),
        ({"$ref": "#/$defs/Point"}, "json"),
        ({"type": "array"}, "json"),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, "json"),
        ({"$ref": "#/$defs/Loop"}, "json"),
        ({}, "json"),
        (True, "json"),
    ],
)
def test_each_schema_gets_a_field_of_its_kind(schema: Any, kind: str) -> None:
    defs = {"Point": POINT, "Loop": {"$ref": "#/$defs/Loop"}}
    (field,) = fields_of({"properties": {"it": schema}, "$defs": defs})
    assert field.kind == kind


def test_required_fields_come_first() -> None:
    schema = {"properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "required": ["b"]}
    assert [field.name for field in fields_of(schema)] == ["b", "a"]


def test_empty_optional_fields_are_left_out() -> None:
    properties = {
        "text": {"type": "string"},
        "count": {"type": "integer"},
        "loud": {"type": "boolean"},
        "at": POINT,
    }
    fields = fields_of({"properties": properties})
    assert arguments_of(fields, {"text": "", "count": None, "loud": False, "at": " "}) == {}
    entered = {"text": "a", "count": 0, "loud": True, "at": '{"x": 1}'}
    assert arguments_of(fields, entered) == {"text": "a", "count": 0, "loud": True, "at": {"x": 1}}


def test_false_is_sent_where_true_is_the_default() -> None:
    fields = fields_of({"properties": {"deep": {"type": "boolean", "default": True}}})
    assert arguments_of(fields, {"deep": False}) == {"deep": False}


@pytest.mark.parametrize(
    ("schema", "value", "reason"),
    [
        ({"type": "integer"}, None, "`it` is required"),
        ({"type": "array"}, "", "`it` is required"),
        ({"type": "array"}, "[1,", "`it` is not JSON"),
    ],
)
def test_what_cannot_be_sent_is_refused(schema: Any, value: Any, reason: str) -> None:
    fields = fields_of({"properties": {"it": schema}, "required": ["it"]})
    with pytest.raises(UserError, match=reason):
        arguments_of(fields, {"it": value})


def test_many_properties_are_one_json_object() -> None:
    fields = fields_of({"properties": {f"p{number}": {} for number in range(50)}})
    assert arguments_of(fields, {"": '{"p1": 1}'}) == {"p1": 1}
    with pytest.raises(UserError, match="no JSON object"):
        arguments_of(fields, {"": "[]"})
