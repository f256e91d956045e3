"""Hubs: functions behind one tool."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from hud import Environment
from hud.errors import ToolError
from hud.tools.base import BaseHub
from hud.tools.types import EvaluationResult

pytestmark = pytest.mark.anyio


def evaluators() -> BaseHub:
    hub = BaseHub("evaluate", env=SimpleNamespace(page="home"))

    @hub.tool("on_page")
    async def on_page(expected: str, strict: bool = True) -> EvaluationResult:
        """Whether the page is open."""
        return EvaluationResult(reward=float(hub.env.page == expected))

    return hub


async def test_a_function_is_called_by_name_through_the_hubs_tool() -> None:
    env = Environment("browser")
    env.mount(evaluators())
    result = await env.call_tool("evaluate", name="on_page", arguments={"expected": "home"})
    assert result["reward"] == 1.0


async def test_arguments_may_be_json_text() -> None:
    env = Environment("browser")
    env.mount(evaluators())
    result = await env.call_tool("evaluate", name="on_page", arguments='{"expected": "away"}')
    assert result["reward"] == 0.0


def test_clients_see_one_tool_that_tells_its_functions() -> None:
    hub, env = evaluators(), Environment("browser")
    env.mount(hub)

    @hub.tool
    async def later(text: str) -> str:
        return text

    (tool,) = env.as_tools()
    assert tool.name == "evaluate"
    assert tool.input_schema["properties"]["name"]["enum"] == ["on_page", "later"]
    assert "- on_page(expected, strict (optional)): Whether the page is open." in str(
        tool.description
    )


async def test_a_function_that_is_declared_after_mounting_is_reached() -> None:
    hub, env = evaluators(), Environment("browser")
    env.mount(hub)

    @hub.tool()
    def shout(text: str) -> str:
        return text.upper()

    assert (await env.call_tool("evaluate", name="shout", arguments={"text": "a"})).text == "A"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"name": "on_pag"}, "did you mean `on_page`"),
        ({"name": "on_page"}, "argument 'expected' is missing"),
        ({"name": "on_page", "arguments": "{"}, "not JSON"),
        ({"name": "on_page", "arguments": "[]"}, "not an object"),
    ],
)
async def test_a_call_that_cannot_be_made_says_why(arguments: dict[str, Any], reason: str) -> None:
    env = Environment("browser")
    env.mount(evaluators())
    with pytest.raises(ToolError, match=reason):
        await env.call_tool("evaluate", **arguments)


async def test_a_hub_calls_its_own_functions_directly() -> None:
    result = await evaluators().call_tool("on_page", expected="home")
    assert result["reward"] == 1.0


async def test_the_functions_are_a_resource() -> None:
    env = Environment("browser")
    env.mount(evaluators())
    (content,) = (await env.read_resource("file:///evaluate/functions")).contents
    assert json.loads(getattr(content, "text", "")) == ["on_page"]


async def test_a_name_with_underscores_stays_as_it_is() -> None:
    env = Environment("browser")
    env.mount(BaseHub("run_setup"))
    assert [tool.name for tool in env.as_tools()] == ["run_setup"]
