"""Rows of the frequency table that are about serving and agents, through a served environment and a
real client; and that every row and every trap has a test of what it does.
"""

from __future__ import annotations

import ast
import asyncio
import re
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

import hud
from hud import Environment
from hud.agents import ClaudeAgent, OpenAIChatAgent
from hud.agents.base import MCPAgent
from hud.environment.server import protocol_server
from hud.errors import AgentFailure
from hud.telemetry import instrument
from hud.tools import BashTool, GeminiEditTool, GeminiShellTool
from hud.tools.base import BaseTool
from hud.tools.coding import GeminiWriteTool
from hud.tools.filesystem import GeminiGlobTool, GeminiListTool, GeminiReadTool, GeminiSearchTool
from hud.tools.types import ToolError
from hud.types import InferenceResult, MCPToolCall, Trace
from tests import fake_provider
from tests.command import ROOT

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def provider() -> Iterator[fake_provider.Running]:
    with fake_provider.running() as process:
        yield process


def letters() -> Environment:
    """An environment whose tool an agent needs."""
    env = Environment("letters")

    @env.tool()
    def count_letter(text: str, letter: str) -> int:
        return text.count(letter)

    @env.scenario("count")
    async def count(word: str, letter: str = "r") -> Any:
        answer = yield f"How many '{letter}' in '{word}'?"
        yield float(str(word.count(letter)) in str(answer))

    return env


@asynccontextmanager
async def stdio(program: str, folder: Path) -> AsyncIterator[Client]:
    """A client of a program, as one that knows nothing of `hud` starts it."""
    (folder / "env.py").write_text(program)
    server = StdioServerParameters(
        command=sys.executable, args=["env.py"], cwd=folder, env={"PYTHONPATH": str(ROOT)}
    )
    async with asyncio.timeout(60), Client(stdio_client(server)) as client:
        yield client


PROGRAM = """
from hud import Environment
from hud.server import MCPServer
server = {made}

@server.tool
def look() -> dict[str, int]:
    print("looking")
    return {{"seen": 1}}

if __name__ == "__main__":
    {run}
"""


@pytest.mark.parametrize(
    ("made", "run"),
    [
        ("Environment(name='v', instructions='Look.')", "server.run(transport='stdio')"),
        ("MCPServer(name='v', instructions='Look.')", "server.run()"),
        ("MCPServer(name='v', instructions='Look.')", "server.run('stdio')"),
    ],
    ids=["environment", "v4", "positional"],
)
async def test_3_4_and_9_a_program_serves_what_it_declares(
    tmp_path: Path, made: str, run: str
) -> None:
    async with stdio(PROGRAM.format(made=made, run=run), tmp_path) as client:
        assert client.instructions == "Look."
        (tool,) = [tool for tool in (await client.list_tools()).tools]
        assert tool.name == "look"
        assert (await client.call_tool("look")).structured_content == {"seen": 1}


class Adder(BaseTool):
    """Adds to what it acts on."""

    async def __call__(self, by: int = 1) -> str:
        """Add."""
        self.env["n"] += by
        return str(self.env["n"])


CLAUDE = "claude-sonnet-4-6"
ADDED: dict[str, Callable[[Environment, BaseTool], Any]] = {
    "instance": lambda env, tool: env.add_tool(tool),
    "mcp": lambda env, tool: env.add_tool(tool.mcp),
    "register": lambda env, tool: tool.register(env),
}


@pytest.mark.parametrize("way", ADDED)
async def test_10_an_added_instance_is_listed_and_called_with_its_state(way: str) -> None:
    env, state = Environment("adder"), {"n": 40}
    ADDED[way](env, Adder(env=state, name="add", description="Add up."))
    async with Client(protocol_server(env)) as client:
        (tool,) = (await client.list_tools()).tools
        assert (tool.name, tool.description) == ("add", "Add up.")
        assert list(tool.input_schema["properties"]) == ["by"]
        (said,) = (await client.call_tool("add", {"by": 2})).content
    assert (getattr(said, "text", ""), state) == ("42", {"n": 42})


async def test_10_a_stateful_tool_keeps_its_state_between_a_clients_calls() -> None:
    env = Environment("shell")
    env.add_tool(BashTool())
    async with Client(protocol_server(env)) as client:
        await client.call_tool("bash", {"command": "x=7"})
        (said, *_) = (await client.call_tool("bash", {"command": "echo $x"})).content
    assert "7" in getattr(said, "text", "")


CHAT: dict[str, dict[str, Any]] = {
    "model": {"model": "any"},
    "checkpoint": {"checkpoint_name": "any", "completion_kwargs": {"seed": 1}},
}


@pytest.mark.parametrize("options", CHAT)
@pytest.mark.parametrize("make", [OpenAIChatAgent, OpenAIChatAgent.create], ids=["new", "create"])
async def test_12_and_5_a_chat_agent_plays_with_the_tools_of_the_context(
    provider: fake_provider.Running, make: Callable[..., OpenAIChatAgent], options: str
) -> None:
    agent = make(api_key="k", base_url=f"{provider.url}/v1", **CHAT[options])
    trace, reward = await played(agent)
    assert (reward, trace.isError) == (1.0, False)
    body = provider.requests[-1]["body"]
    assert body["model"] == "any"
    assert [tool["function"]["name"] for tool in body["tools"]] == ["count_letter"]


async def test_39_and_5_claude_plays_with_the_tools_of_the_context(
    provider: fake_provider.Running,
) -> None:
    agent = ClaudeAgent.create(model=CLAUDE, api_key="k", base_url=provider.url)
    assert (await played(agent))[1] == 1.0
    request = provider.requests[-1]
    assert request["path"] == "/v1/messages"
    assert [tool["name"] for tool in request["body"]["tools"]] == ["count_letter"]


async def test_12_and_39_agents_take_their_providers_own_clients(
    provider: fake_provider.Running,
) -> None:
    url = provider.url
    async with openai.AsyncOpenAI(api_key="k", base_url=f"{url}/v1") as asked:
        chat = OpenAIChatAgent.create(model="any", openai_client=asked)
        assert (await played(chat))[1] == 1.0
    async with anthropic.AsyncAnthropic(api_key="k", base_url=url) as of_claude:
        claude = ClaudeAgent.create(
            model=CLAUDE, model_client=of_claude, validate_api_key=False, use_computer_beta=False
        )
        assert (await played(claude))[1] == 1.0


async def played(agent: MCPAgent) -> tuple[Trace, float | None]:
    """What an agent does in a context, as authors' loops let it, and its reward."""
    async with hud.eval(letters()("count", word="strawberry")) as ctx:
        trace = await agent.run(ctx, max_steps=5)
    return trace, ctx.reward


class Last(MCPAgent):
    """An agent as authors write them, of one turn."""

    async def get_response(self, messages: list[Any]) -> InferenceResult:
        call = MCPToolCall(name="count_letter", arguments={})
        is_error = "oops" in str(messages)
        said: dict[str, Any] = {"content": "3", "tool_calls": [], "done": False, "raw": self}
        response = InferenceResult(**said, isError=is_error, info={"n": 1})
        response.tool_calls.append(call)
        assert not response.done
        response.done = True
        return response


async def test_5_and_58_an_authors_agent_says_that_it_is_done_or_that_it_failed() -> None:
    trace, reward = await played(Last())
    assert (reward, trace.content, [step.kind for step in trace.trace]) == (
        1.0,
        "3",
        ["environment", "model", "environment"],
    )
    with pytest.raises(AgentFailure, match="3"):
        async with hud.eval(letters()("count", word="oops")) as ctx:
            await Last().run(ctx)
    assert (ctx.answer, ctx.reward) == (None, None)


async def test_37_a_context_is_asked_what_its_environment_has() -> None:
    env = letters()
    env.resource("data://motto")(lambda: "count twice")
    task: Any = env("count", word="strawberry")
    task.agent_config = {"disallowed_tools": ["count_*"]}
    async with hud.eval(task) as ctx:
        assert (ctx.name, await ctx.list_tools()) == ("letters", [])
        assert [item.name for item in await ctx.list_prompts()] == ["letters:count"]
        assert "data://motto" in [str(item.uri) for item in await ctx.list_resources()]
        (motto,) = await ctx.read_resource("data://motto")
        assert (motto.text, ctx.setup_output) == ("count twice", None)
        with pytest.raises(AttributeError, match="it is the environment's"):
            getattr(ctx, "mock_tool")("count_letter", 3)  # noqa: B009 - mypy knows that it has none
        await ctx.submit("3")
    assert ctx.reward == 1.0


async def test_57_a_scenario_is_driven_with_the_published_names_of_arguments() -> None:
    env = letters()
    async with env:
        await env.run_scenario_setup(scenario_name="count", args={"word": "r"}, session_id=None)
        await env.submit(scenario="count", answer="1", session_id=None)
        assert (await env.run_scenario_evaluate(scenario_name="count")).reward == 1.0


async def test_16_tools_are_those_that_a_client_is_told_of() -> None:
    env = letters()
    env.tool(lambda: "", name="_hidden")
    async with env, Client(protocol_server(env)) as client:
        told = (await client.list_tools()).tools
        own: list[Any] = env.as_tools()
    assert [tool.name for tool in own] == [tool.name for tool in told] == ["count_letter"]
    assert [tool.inputSchema for tool in own] == [tool.input_schema for tool in told]
    assert own[0].inputSchema["required"] == ["text", "letter"]


async def test_50_the_gemini_tools_work_on_the_files_of_their_folder(tmp_path: Path) -> None:
    env, folder = Environment("gemini"), str(tmp_path)
    tools = (GeminiReadTool, GeminiListTool, GeminiGlobTool, GeminiSearchTool)
    for tool in tools:
        env.add_tool(tool(base_path=folder))
    for editor in (GeminiShellTool, GeminiEditTool, GeminiWriteTool):
        env.add_tool(editor(base_directory=folder))
    calls: list[tuple[str, dict[str, Any], str]] = [
        ("write_file", {"file_path": "a.py", "content": "x = 1\n"}, "a.py"),
        (
            "replace",
            {"file_path": "a.py", "instruction": "", "old_string": "1", "new_string": "2"},
            "a.py",
        ),
        ("read_file", {"file_path": "a.py"}, "x = 2"),
        ("grep_search", {"pattern": "x ="}, "a.py"),
        ("glob", {"pattern": "*.py"}, "a.py"),
        ("list_directory", {"dir_path": "."}, "a.py"),
        ("run_shell_command", {"command": "cat a.py; echo oops >&2"}, "oops"),
    ]
    async with Client(protocol_server(env)) as client:
        for name, arguments, said in calls:
            result = await client.call_tool(name, arguments)
            text = " ".join(getattr(block, "text", "") for block in result.content)
            assert (result.is_error, said in text) == (False, True), (name, text)
        out = await client.call_tool("read_file", {"file_path": "../b"})
    assert out.is_error
    assert (tmp_path / "a.py").read_text() == "x = 2\n"


async def test_54_a_tools_own_error_is_a_result_that_a_client_reads() -> None:
    env = Environment("refusing")

    @env.tool()
    def refuse() -> str:
        raise ToolError("there is no such table")

    async with Client(protocol_server(env)) as client:
        result = await client.call_tool("refuse")
    (said,) = result.content
    assert result.is_error
    assert "there is no such table" in getattr(said, "text", "")


async def test_61_a_trace_is_a_block_in_which_environments_work() -> None:
    with pytest.warns(DeprecationWarning, match=r"use hud\.eval"):
        block = hud.trace("my-run", job_id="j")
    with block as ctx:
        async with letters() as env:
            counted = await env.call_tool("count_letter", text="rr", letter="r")
    assert (counted.text, ctx.eval_name, ctx.job_id, ctx.error) == ("2", "my-run", "j", None)


async def test_66_instrumented_functions_do_what_they_did() -> None:
    def plain(a: int) -> int:
        return a + 1

    async def later(a: int) -> int:
        return a + 2

    marked = instrument(plain)
    awaited = instrument(name="n", category="tool", record_args=False)(later)
    assert (marked(1), await awaited(1), awaited.__name__) == (2, 3, "later")


HERE = "tests/test_published_rows.py"
BEHAVIOUR = (HERE, "tests/test_published_behaviour.py")
ROWS = {
    32: "tests/hud/environment/legacy/test_shared.py::test_another_process_calls_its_methods",
    35: "tests/hud/tools/test_playwright.py::test_a_page_is_opened_and_told_about",
    40: "tests/environments/test_v4.py::test_a_task_of_it_is_evaluated_by_hand",
    48: "tests/docker/test_connect_image.py::"
    "test_only_named_variables_enter_and_none_is_on_a_command_line",
    49: "tests/environments/test_v4.py::test_v4s_client_drives_it",
    64: "tests/hud/tools/test_jupyter.py::test_variables_stay_and_results_are_told",
}
"""Tests of rows that do not stand in their names."""

ENVIRONMENT = "tests/hud/environment/test_traps.py"
PROGRAMS = "tests/test_traps.py"
TRAPS = {
    1: f"{ENVIRONMENT}::test_an_answer_that_looks_like_json_arrives_as_text",
    2: f"{PROGRAMS}::test_2_hooks_run_around_an_evaluation_in_process",
    3: f"{ENVIRONMENT}::test_the_older_strict_client_accepts_every_result",
    4: f"{PROGRAMS}::test_4_and_16_scenarios_of_imported_modules_are_served_and_may_print",
    5: f"{PROGRAMS}::test_5_a_shells_output_is_whole_and_its_session_is_one",
    6: f"{PROGRAMS}::test_6_grading_that_raises_is_told_and_setup_that_raises_is_raised",
    7: f"{ENVIRONMENT}::test_names_are_normalised",
    8: f"{ENVIRONMENT}::test_an_excluded_tool_is_refused_to_agents_but_not_to_the_scenario",
    9: f"{ENVIRONMENT}::test_a_tool_called_by_name_raises_what_a_call_object_would_be_told",
    10: f"{ENVIRONMENT}::test_results_in_process_have_the_same_content_as_over_mcp",
    11: f"{ENVIRONMENT}::test_an_initialize_hook_may_call_its_argument_anything",
    12: "tests/environments/test_v4.py::test_the_command_serves_a_dotted_module_of_its_folder",
    13: f"{PROGRAMS}::test_13_a_jupyter_tool_is_added_and_listed",
    14: f"{PROGRAMS}::test_14_a_picture_is_read_as_a_picture",
    15: f"{PROGRAMS}::test_15_a_graders_command_has_the_path_of_a_login",
    16: f"{PROGRAMS}::test_4_and_16_scenarios_of_imported_modules_are_served_and_may_print",
    17: f"{PROGRAMS}::test_17_everything_works_with_no_key_and_no_network",
    18: "tests/test_published_names.py::test_private_names_that_published_code_uses_are_there",
}
"""What the original does wrong is asserted right."""


@cache
def declared_in(path: str) -> list[str]:
    """Names of the tests of a file."""
    found = ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8")))
    functions = (node for node in found if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return [node.name for node in functions if node.name.startswith("test_")]


def rows_of(name: str) -> set[int]:
    """The rows in a test's name: `test_3_4_and_9_a_program…`."""
    numbers = re.match(r"test_((?:\d+_|and_)*)", name)
    return {int(number) for number in re.findall(r"\d+", numbers[1] if numbers else "")}


def test_every_row_has_a_test_of_what_it_does() -> None:
    named = {row for path in BEHAVIOUR for name in declared_in(path) for row in rows_of(name)}
    assert sorted(named | ROWS.keys()) == list(range(1, 67))


def test_every_trap_has_a_test() -> None:
    assert sorted(TRAPS) == list(range(1, 19))


@pytest.mark.parametrize("test", [*ROWS.values(), *TRAPS.values()])
def test_the_tests_that_are_named_are_there(test: str) -> None:
    path, _, name = test.partition("::")
    assert name in declared_in(path)
