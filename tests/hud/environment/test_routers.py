"""Environments inside environments: `include_router` and `mount`."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from hud import Environment
from hud.errors import ToolError
from hud.types import MCPToolCall

pytestmark = pytest.mark.anyio


def router() -> Environment:
    made = Environment("kit")

    @made.tool
    def cut(length: int) -> int:
        """Cut a piece.

        Args:
            length: In millimetres.
        """
        return length

    made.tool("_measure")(lambda: "hidden")

    @made.prompt
    def advice() -> str:
        return "measure twice"

    @made.resource("kit://manual")
    def manual() -> str:
        return "page one"

    @made.scenario
    async def build(part: str) -> AsyncGenerator[Any, Any]:
        answer = yield f"build {part}"
        yield answer == part

    return made


def names(env: Environment) -> list[str]:
    return [tool.name for tool in env.as_tools()]


async def test_a_router_brings_everything_that_it_declares() -> None:
    env = Environment("shop")
    assert env.include_router(router()) is env
    assert (await env.call_tool("cut", length=3)).value == 3
    assert (await env.call_tool("_measure")).value == "hidden"
    assert [prompt.name for prompt in await env.list_prompts()] == ["shop:build", "advice"]
    assert [str(item.uri) for item in await env.list_resources()] == ["shop:build", "kit://manual"]
    assert await env.run_scenario_setup("build", {"part": "leg"}) == "build leg"
    await env.submit("build", "leg")
    assert (await env.run_scenario_evaluate("build")).reward == 1.0


async def test_a_prefix_renames_tools_and_prompts() -> None:
    kit = router()
    env = Environment("shop").include_router(kit, prefix="kit")
    [tool] = env.as_tools()
    assert (tool.name, tool.description) == ("kit_cut", "Cut a piece.")
    assert tool.input_schema["properties"]["length"]["description"] == "In millimetres."
    assert [prompt.name for prompt in env.prompt_definitions()] == ["shop:build", "kit_advice"]
    assert (await env.get_prompt("kit_advice")).messages
    assert (await env.call_tool("kit_cut", length=3)).value == 3
    assert (await env.call_tool("_kit_measure")).value == "hidden"
    assert (await kit.call_tool("cut", length=3)).value == 3


async def test_errors_name_a_renamed_tool_by_its_new_name() -> None:
    env = Environment("shop").include_router(router(), prefix="kit")
    refused = await env.call_tool(MCPToolCall(name="kit_cut", arguments={"length": "long"}))
    assert "tool `kit_cut`: argument 'length'" in refused.text
    assert (await env.call_tool(MCPToolCall(name="cut"))).is_error is True


def test_a_renamed_tool_may_wait_for_its_types(monkeypatch: pytest.MonkeyPatch) -> None:
    def assemble(plan: Plan) -> int:  # type: ignore[name-defined]  # noqa: F821
        return int(plan)

    kit = Environment("kit")
    kit.tool(assemble)
    env = Environment("shop").include_router(kit, prefix="kit")
    monkeypatch.setitem(globals(), "Plan", int)
    assert env.as_tools()[0].input_schema["properties"]["plan"]["type"] == "integer"


async def test_a_hidden_router_is_one_tool() -> None:
    env = Environment("shop").include_router(router(), hidden=True)
    [tool] = env.as_tools()
    assert tool.name == "kit"
    assert "cut" in (tool.description or "")
    assert set(tool.input_schema["properties"]) == {"name", "arguments"}
    assert (await env.call_tool("kit", name="cut", arguments={"length": 3})).value == 3


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"name": "cutt"}, "has no function `cutt`"),
        ({"name": "cut", "arguments": {"length": "long"}}, "argument 'length'"),
        ({"arguments": {}}, "argument 'name' is missing"),
    ],
    ids=["unknown", "bad", "missing"],
)
async def test_bad_calls_of_a_hidden_router_are_told(arguments: dict[str, Any], told: str) -> None:
    env = Environment("shop").include_router(router(), prefix="tools", hidden=True)
    with pytest.raises(ToolError, match=told):
        await env.call_tool("tools", **arguments)


async def test_hooks_of_a_router_run_with_those_of_its_user() -> None:
    kit, log = router(), []
    kit.initialize(lambda: log.append("start"))
    kit.shutdown(lambda: log.append("stop"))
    async with Environment("shop").include_router(kit):
        assert log == ["start"]
    assert log == ["start", "stop"]


async def test_connections_of_a_router_are_opened_with_those_of_its_user() -> None:
    far = Environment("far")
    far.tool("ping")(lambda: "pong")
    env = Environment("shop").include_router(Environment("kit").connect_server(far))
    async with env:
        assert (await env.call_tool("ping")).value == "pong"


async def test_mounting_an_environment_includes_it() -> None:
    env = Environment("shop")
    assert env.mount(router(), prefix="kit") is env
    assert names(env) == ["kit_cut"]


def test_what_is_declared_later_on_a_router_stays_there() -> None:
    kit = router()
    env = Environment("shop").include_router(kit)
    kit.tool("later")(lambda: 1)
    assert names(env) == ["cut"]
