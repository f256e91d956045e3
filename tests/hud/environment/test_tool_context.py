"""Tools that take a `Context`: what they can do served over MCP, and what in-process."""

from __future__ import annotations

from typing import Any, Literal

import mcp_types
import pytest
from mcp import Client
from mcp_types.version import LATEST_MODERN_VERSION

from hud import Environment
from hud.environment import Context
from hud.environment.server import protocol_server
from hud.types import MCPToolCall, MCPToolResult

pytestmark = pytest.mark.anyio

ERAS = ["legacy", LATEST_MODERN_VERSION]
"""How clients of either era of MCP connect."""


def declared() -> Environment:
    env = Environment("talkative")

    @env.resource("data://motto")
    def motto() -> str:
        return "measure twice"

    @env.tool
    async def report(ctx: Context, steps: int) -> str:
        for step in range(steps):
            await ctx.report_progress(step + 1, steps, f"step {step + 1}")
        await ctx.info("reported", extra={"steps": steps})
        return "done"

    @env.tool
    async def read(ctx: Context | None = None) -> list[str | bytes]:
        assert ctx is not None
        return [part.content for part in await ctx.read_resource("data://motto")]

    @env.tool
    async def ask(ctx: Context, kind: Literal["size", "choice", "consent"]) -> Any:
        asked: Any = {"size": int, "choice": ["red", "blue"], "consent": None}[kind]
        answer = await ctx.elicit("Which?", asked)
        return {"action": answer.action, "data": answer.data}

    @env.tool
    async def write(ctx: Context) -> str | None:
        return (await ctx.sample("Write a line.", system_prompt="Be brief.")).text

    @env.tool
    async def count(ctx: Context) -> int:
        await ctx.set_state("count", ((await ctx.get_state("count")) or 0) + 1)
        return int(await ctx.get_state("count"))

    return env


async def call(env: Environment, name: str, **arguments: Any) -> MCPToolResult:
    result: MCPToolResult = await env.call_tool(MCPToolCall(name=name, arguments=arguments))
    return result


def test_clients_do_not_see_the_parameter() -> None:
    schemas = {tool.name: tool.input_schema for tool in declared().as_tools()}
    assert list(schemas["report"]["properties"]) == ["steps"]
    assert schemas["read"]["properties"] == {}


async def test_in_process_reports_go_to_the_log_and_resources_can_be_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    env = declared()
    assert (await call(env, "report", steps=2)).text == "done"
    assert "reported" in caplog.text
    assert (await call(env, "read")).value == ["measure twice"]
    assert [(await call(env, "count")).value for _ in range(2)] == [1, 2]


@pytest.mark.parametrize("tool", ["ask", "write"])
async def test_in_process_there_is_nobody_to_ask(tool: str) -> None:
    arguments = {"kind": "size"} if tool == "ask" else {}
    result = await call(declared(), tool, **arguments)
    assert result.is_error
    assert "no client called it over MCP" in result.text


async def test_a_client_hears_progress_and_log_messages() -> None:
    heard: list[Any] = []
    logged: list[Any] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total, message))

    async def note(params: mcp_types.LoggingMessageNotificationParams) -> None:
        logged.append((params.level, params.data))

    server = protocol_server(declared())
    async with Client(server, mode="legacy", logging_callback=note) as client:
        await client.call_tool("report", {"steps": 2}, progress_callback=hear)
    assert heard == [(1, 2, "step 1"), (2, 2, "step 2")]
    assert logged == [("info", {"msg": "reported", "extra": {"steps": 2}})]


@pytest.mark.parametrize(("level", "messages"), [("debug", 1), ("info", 1), ("warning", 0)])
@pytest.mark.filterwarnings("ignore:.*deprecated")
async def test_a_client_hears_log_messages_from_the_level_on_that_it_chose(
    level: Any, messages: int
) -> None:
    logged: list[Any] = []

    async def note(params: mcp_types.LoggingMessageNotificationParams) -> None:
        logged.append(params.data)

    server = protocol_server(declared())
    async with Client(server, mode="legacy", logging_callback=note) as client:
        assert client.server_capabilities.logging is not None
        await client.set_logging_level(level)
        await client.call_tool("report", {"steps": 1})
    assert len(logged) == messages


@pytest.mark.parametrize(
    ("kind", "answer", "told"),
    [
        ("size", {"value": 3}, {"action": "accept", "data": 3}),
        ("choice", {"value": "red"}, {"action": "accept", "data": "red"}),
        ("consent", {}, {"action": "accept", "data": {}}),
        ("size", None, {"action": "decline", "data": None}),
    ],
)
@pytest.mark.parametrize("mode", ERAS)
async def test_a_client_is_asked_for_its_users_answer(
    mode: Any, kind: str, answer: Any, told: Any
) -> None:
    async def decide(context: Any, params: Any) -> mcp_types.ElicitResult:
        assert params.message == "Which?"
        if answer is None:
            return mcp_types.ElicitResult(action="decline")
        return mcp_types.ElicitResult(action="accept", content=answer)

    server = protocol_server(declared())
    async with Client(server, mode=mode, elicitation_callback=decide) as client:
        result = await client.call_tool("ask", {"kind": kind})
    assert result.structured_content in (told, {"result": told})


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.filterwarnings("ignore:.*deprecated")
async def test_a_clients_model_writes_for_a_tool(mode: Any) -> None:
    async def write(context: Any, params: Any) -> mcp_types.CreateMessageResult:
        said = f"{params.system_prompt} {params.messages[0].content.text}"
        content = mcp_types.TextContent(text=said)
        return mcp_types.CreateMessageResult(role="assistant", content=content, model="m")

    server = protocol_server(declared())
    async with Client(server, mode=mode, sampling_callback=write) as client:
        result = await client.call_tool("write")
    assert result.content == [mcp_types.TextContent(text="Be brief. Write a line.")]


@pytest.mark.parametrize("mode", ERAS)
async def test_a_client_that_cannot_be_asked_is_an_error_that_says_so(mode: Any) -> None:
    async with Client(protocol_server(declared()), mode=mode) as client:
        result = await client.call_tool("ask", {"kind": "size"})
    assert result.is_error
    assert "the client does not answer" in getattr(result.content[0], "text", "")


async def test_the_context_of_the_fastmcp_library_is_known_by_its_type() -> None:
    fastmcp = pytest.importorskip("fastmcp")
    env = Environment("published")

    async def tell(text: str, ctx: fastmcp.Context) -> str:  # type: ignore[name-defined]
        await ctx.info(text)
        return type(ctx).__module__

    tell.__annotations__["ctx"] = fastmcp.Context
    env.tool(tell)
    assert (await call(env, "tell", text="hi")).text == "hud.environment.tool_context"


async def test_a_return_type_that_cannot_be_resolved_is_no_obstacle() -> None:
    module: dict[str, Any] = {"__name__": "published", "env": Environment("published")}
    source = """
from __future__ import annotations
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from somewhere import ContentBlock

@env.tool
def look(word: str) -> list[ContentBlock]:
    return word
"""
    exec(compile(source, "published.py", "exec"), module)
    env: Environment = module["env"]
    (tool,) = env.as_tools()
    assert (list(tool.input_schema["properties"]), tool.output_schema) == (["word"], None)
    assert (await call(env, "look", word="x")).text == "x"
