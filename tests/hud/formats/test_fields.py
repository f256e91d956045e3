from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from hud.errors import UserError
from hud.formats.content import to_text
from hud.formats.fields import UnreadableArguments, fields, make_call

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
ARGUMENTS = st.dictionaries(st.text(), VALUES)


class Model(BaseModel):
    name: str
    inner: dict[str, Any] = {}


@dataclass
class Data:
    name: str


@pytest.mark.parametrize(
    ("item", "found"),
    [
        ({"name": "x"}, {"name": "x"}),
        (Model(name="x", inner={"a": None}), {"name": "x", "inner": {"a": None}}),
        (Data("x"), {"name": "x"}),
        (SimpleNamespace(name="x"), {"name": "x"}),
        (3, {}),
        (None, {}),
    ],
)
def test_fields_are_those_of_a_dict_or_an_object(item: Any, found: dict[str, Any]) -> None:
    assert fields(item) == found


@given(ARGUMENTS)
def test_arguments_survive_as_json_text_and_as_they_are(arguments: dict[str, Any]) -> None:
    assert make_call("tool", to_text(arguments)).arguments == arguments
    assert make_call("tool", arguments).arguments == arguments


@pytest.mark.parametrize("nothing", [None, "", "  \n", "{}", {}])
def test_no_arguments_are_empty_arguments(nothing: Any) -> None:
    assert make_call("tool", nothing).arguments == {}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ('{"a": 1', "are not JSON"),
        ("letter=r", "are not JSON"),
        ('{"a": NaN}', "NaN is not a JSON number"),
        ("[" * 100_000, "are not JSON"),
        ("[1]", "which is not an object"),
        ('"text"', "which is not an object"),
        ("null", "which is not an object"),
        ("3", "which is not an object"),
        ([1], r"\[1\], which is not an object"),
        (3, "which is not an object"),
        ({1: 2}, "a name that is not a text: 1"),
    ],
)
def test_unreadable_arguments_name_the_tool_and_the_reason(given: Any, reason: str) -> None:
    with pytest.raises(UnreadableArguments, match=f"the arguments of the tool `count`.*{reason}"):
        make_call("count", given, "call_1")


def test_an_unreadable_call_can_still_be_answered() -> None:
    with pytest.raises(UnreadableArguments) as caught:
        make_call("count", "{", "call_1")
    assert (caught.value.call.name, caught.value.call.id) == ("count", "call_1")
    assert caught.value.call.arguments == {}


@pytest.mark.parametrize("name", [None, "", 3, ["count"]])
def test_a_call_without_a_name_is_refused(name: Any) -> None:
    with pytest.raises(UserError, match="no tool name"):
        make_call(name, {})


def test_a_call_without_an_id_gets_one() -> None:
    assert make_call("count", {}).id != make_call("count", {}).id
