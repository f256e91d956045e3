"""Which arguments scenarios are played with, as different servers declare them."""

from __future__ import annotations

from typing import Any

import mcp_types
import pytest

from hud.debug.phases.scenarios import Skipped, arguments_for, schema_of


def prompt(
    meta: dict[str, Any] | None, arguments: list[dict[str, Any]] | None = None
) -> mcp_types.Prompt:
    plain = {"name": "shop:count", "arguments": arguments or [], "_meta": meta}
    return mcp_types.Prompt.model_validate(plain)


def declared(**fields: Any) -> mcp_types.Prompt:
    return prompt({"arguments": [{"name": "n", "required": True, **fields}]})


@pytest.mark.parametrize(
    ("offered", "arguments"),
    [
        (declared(inputSchema={"type": "integer"}), {"n": 1}),
        (declared(inputSchema={"type": "string", "examples": ["pear"]}), {"n": "pear"}),
        (declared(type="string"), {"n": "example"}),
        (declared(type="string", default="pear"), {"n": "pear"}),
        (declared(required=False, type="string"), {}),
        (prompt(None, [{"name": "n", "required": True}, {"name": "m"}]), {"n": "example"}),
        (prompt({"arguments": "none"}), {}),
        (prompt({"arguments": [{"required": True}]}), {}),
    ],
)
def test_arguments_come_from_what_the_server_declares(
    offered: mcp_types.Prompt, arguments: dict[str, Any]
) -> None:
    assert arguments_for(offered, {}).arguments == arguments


def test_given_arguments_win_and_count_as_known() -> None:
    sample = arguments_for(declared(type="string"), {"count": {"n": "given"}})
    assert (sample.arguments, sample.invented) == ({"n": "given"}, ())


@pytest.mark.parametrize(
    ("offered", "reason"),
    [
        (prompt({"chat": True}), "it is a chat"),
        (declared(inputSchema={"type": "string", "pattern": "^x+$"}), "`n` has a form"),
        (declared(inputSchema={"type": "integr"}), "no JSON Schema: 'integr'"),
    ],
)
def test_what_cannot_be_played_says_why(offered: mcp_types.Prompt, reason: str) -> None:
    with pytest.raises(Skipped) as skipped:
        arguments_for(offered, {})
    assert reason in skipped.value.why


def test_definitions_of_an_argument_are_found() -> None:
    level = {"$ref": "#/$defs/Level", "$defs": {"Level": {"enum": ["low"]}}}
    offered = declared(inputSchema=level)
    assert schema_of(offered)["$defs"] == {"Level": {"enum": ["low"]}}
    assert arguments_for(offered, {}).arguments == {"n": "low"}
