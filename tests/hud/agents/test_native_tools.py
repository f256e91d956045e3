"""Providers' own tools end to end: real tools of an environment, the providers' packages, HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, ClassVar

import anyio
import anyio.lowlevel
import pytest

from hud import Environment
from hud.agents import (
    ClaudeAgent,
    GeminiCUAAgent,
    MCPAgent,
    OpenAIAgent,
    OperatorAgent,
    ScriptedAgent,
)
from hud.tools import (
    AnthropicComputerTool,
    ApplyPatchTool,
    BashTool,
    EditTool,
    GeminiComputerTool,
    OpenAIComputerTool,
    ShellTool,
)
from hud.tools.tool import BaseTool
from hud.types import AgentType, MCPToolCall, NativeToolSpec, NativeToolSpecs, Trace
from tests.command import Command
from tests.fake_provider import Running

pytestmark = pytest.mark.anyio

CLAUDE, GPT = "claude-sonnet-4-6", "gpt-5.4"
PNG = "data:image/png;base64,"
CHECK = {"id": "check_1", "code": "malicious_instructions", "message": "Is this the user's wish?"}


@pytest.fixture
def env(tmp_path: Path) -> Environment:
    """An environment with the tools of every provider, in a folder of its own."""
    env = Environment("workshop")
    for tool in (
        *(BashTool(), EditTool(base_path=tmp_path), ShellTool(cwd=str(tmp_path))),
        *(ApplyPatchTool(base_path=str(tmp_path)), AnthropicComputerTool(width=1000, height=500)),
        *(OpenAIComputerTool(width=1000, height=500), GeminiComputerTool(width=1000, height=500)),
    ):
        env.add_tool(tool)

    @env.scenario("work")
    async def work() -> AsyncGenerator[Any, Any]:
        answer = yield "Do the work."
        yield 1.0 if answer else 0.0

    return env


def claude(at: Running, **options: Any) -> ClaudeAgent:
    return ClaudeAgent.create(model=CLAUDE, base_url=at.url, api_key="key", **options)


def openai(at: Running, **options: Any) -> OpenAIAgent:
    return OpenAIAgent.create(model=GPT, base_url=at.openai_url, api_key="key", **options)


def operator(at: Running, **options: Any) -> OperatorAgent:
    return OperatorAgent.create(base_url=at.openai_url, api_key="key", **options)


def gemini_cua(at: Running, **options: Any) -> GeminiCUAAgent:
    return GeminiCUAAgent.create(base_url=f"{at.url}/v1beta/openai", api_key="key", **options)


async def play(env: Environment, agent: MCPAgent, at: Running, *turns: str) -> Trace:
    """The trace of a rollout in which the model says those turns, and then what it read last."""
    at.control(script=[*turns, "echo"])
    with anyio.fail_after(30):
        return await env("work").run(agent)


def do(tool: str, **arguments: Any) -> str:
    return f"do:{tool}:{json.dumps(arguments)}"


def offered(at: Running) -> list[dict[str, Any]]:
    tools: list[dict[str, Any]] = at.requests[0]["body"]["tools"]
    return tools


def items(at: Running, kind: str) -> list[dict[str, Any]]:
    """The items of a kind in the newest request to OpenAI."""
    return [item for item in at.requests[-1]["body"]["input"] if item.get("type") == kind]


def used(trace: Trace) -> list[str]:
    return [step.name for step in trace.steps if step.kind == "tool"]


async def test_claude_is_offered_its_own_tools_instead_of_functions(
    env: Environment, provider: Running
) -> None:
    await play(env, claude(provider), provider)
    assert offered(provider) == [
        {"type": "bash_20250124", "name": "bash"},
        {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"},
        {
            **{"type": "computer_20251124", "name": "computer"},
            **{"display_width_px": 1000, "display_height_px": 500},
            "cache_control": {"type": "ephemeral"},
        },
    ]
    assert provider.requests[0]["headers"]["anthropic-beta"] == "computer-use-2025-11-24"


async def test_claude_works_in_its_own_shell_and_editor(
    env: Environment, provider: Running, tmp_path: Path
) -> None:
    path = str(tmp_path / "note.txt")
    editor = "str_replace_based_edit_tool"
    trace = await play(
        env,
        claude(provider),
        provider,
        do(editor, command="create", path=path, file_text="one\n"),
        do(editor, command="str_replace", path=path, old_str="one", new_str="two"),
        do("bash", command=f"cat {path}"),
    )
    assert (trace.reward, trace.content) == (1.0, "two\n")
    assert used(trace) == ["edit", "edit", "bash"]


async def test_claude_sees_the_screen_of_its_own_computer(
    env: Environment, provider: Running
) -> None:
    click = do("computer", action="left_click", coordinate=[10, 20])
    trace = await play(env, claude(provider), provider, click)
    assert used(trace) == ["anthropic_computer"]
    (answer,) = provider.requests[-1]["body"]["messages"][-1]["content"]
    assert [block["type"] for block in answer["content"]][-1] == "image"


async def test_an_unknown_action_is_an_error_that_claude_reads(
    env: Environment, provider: Running
) -> None:
    trace = await play(env, claude(provider), provider, do("computer", action="fly"))
    assert "unknown action 'fly'" in str(trace.content)
    (answer,) = provider.requests[-1]["body"]["messages"][-1]["content"]
    assert answer["is_error"] is True


async def test_a_model_that_does_not_know_a_tool_is_offered_a_function(provider: Running) -> None:
    env = Environment("old")
    env.add_tool(BashTool())

    @env.scenario("work")
    async def work() -> AsyncGenerator[Any, Any]:
        yield "Do the work."
        yield 1.0

    agent = ClaudeAgent.create(model="claude-2", base_url=provider.url, api_key="key")
    await play(env, agent, provider)
    assert [tool["name"] for tool in offered(provider)] == ["bash"]
    assert "input_schema" in offered(provider)[0]
    assert "anthropic-beta" not in provider.requests[0]["headers"]


async def test_a_tool_that_the_config_leaves_out_is_not_offered_as_its_own_either(
    env: Environment, provider: Running
) -> None:
    await play(env, claude(provider, disallowed_tools=["anthropic_*", "edit"]), provider)
    names = [tool["name"] for tool in offered(provider)]
    assert names[-1] == "bash"
    assert "computer" not in names


WORKSHOP = """
from hud import Environment
from hud.tools import BashTool

env = Environment("workshop")
env.add_tool(BashTool())

@env.scenario("work")
async def work():
    answer = yield "Do the work."
    yield 1.0 if "made" in answer else 0.0

task = work.task()
task.slug = "work"
"""


def test_the_command_lets_claude_use_its_own_shell(hud_cli: Command, provider: Running) -> None:
    (hud_cli.cwd / "tasks.py").write_text(WORKSHOP, encoding="utf-8")
    provider.control(script=[do("bash", command="echo made"), "echo"])
    reached = hud_cli.having(ANTHROPIC_BASE_URL=provider.url, ANTHROPIC_API_KEY="key")
    ended = reached("eval", "tasks.py", "claude", "--model", CLAUDE)
    assert ended.returncode == 0, ended.stderr
    assert "Mean: 1.00" in ended.stdout
    assert offered(provider)[0]["type"] == "bash_20250124"


async def test_openai_is_offered_its_own_tools_instead_of_functions(
    env: Environment, provider: Running
) -> None:
    await play(env, openai(provider), provider)
    assert offered(provider) == [
        {"type": "shell", "environment": {"type": "local"}},
        {"type": "apply_patch"},
        {"type": "computer"},
    ]


async def test_openai_works_in_its_own_shell_and_patches(
    env: Environment, provider: Running, tmp_path: Path
) -> None:
    patch = {"type": "create_file", "path": "note.txt", "diff": "+hello\n"}
    trace = await play(
        env,
        openai(provider),
        provider,
        do("apply_patch", operation=patch),
        do("shell", action={"commands": ["cat note.txt", "exit 3"], "max_output_length": 99}),
    )
    assert used(trace) == ["apply_patch", "shell"]
    (patched,) = items(provider, "apply_patch_call_output")
    assert (patched["status"], patched["output"]) == ("completed", "Created note.txt")
    (ran,) = items(provider, "shell_call_output")
    assert ran["max_output_length"] == 99
    assert [item["stdout"].strip() for item in ran["output"]] == ["hello", ""]
    assert [item["outcome"] for item in ran["output"]] == [
        {"type": "exit", "exit_code": 0},
        {"type": "exit", "exit_code": 3},
    ]


async def test_a_patch_that_does_not_fit_has_failed(env: Environment, provider: Running) -> None:
    patch = {"type": "delete_file", "path": "../secret"}
    await play(env, openai(provider), provider, do("apply_patch", operation=patch))
    (patched,) = items(provider, "apply_patch_call_output")
    assert patched["status"] == "failed"
    assert "secret" in patched["output"]


async def test_openai_sees_the_screen_and_its_safety_checks_are_acknowledged(
    env: Environment, provider: Running
) -> None:
    actions = [
        {"type": "move", "x": 1, "y": 2},
        {"type": "click", "x": 3, "y": 4, "button": "left"},
    ]
    trace = await play(
        env,
        openai(provider),
        provider,
        do("computer", actions=actions, pending_safety_checks=[CHECK]),
    )
    assert used(trace) == ["openai_computer"]
    (shown,) = items(provider, "computer_call_output")
    assert shown["output"]["type"] == "computer_screenshot"
    assert shown["output"]["image_url"].startswith(PNG)
    assert shown["acknowledged_safety_checks"] == [CHECK]
    assert trace.info["acknowledged_safety_checks"] == [CHECK]


async def test_the_operator_plays_on_the_computer_alone_with_one_action_a_call(
    env: Environment, provider: Running
) -> None:
    action = {"type": "keypress", "keys": ["CTRL", "L"]}
    turn = do("computer_use_preview", action=action)
    trace = await play(env, operator(provider, environment="browser"), provider, turn)
    assert trace.reward == 1.0
    assert used(trace) == ["openai_computer"]
    assert offered(provider)[-1] == {
        **{"type": "computer_use_preview", "environment": "browser"},
        **{"display_width": 1000, "display_height": 500},
    }
    assert provider.requests[0]["body"]["truncation"] == "auto"


async def test_a_failed_action_is_answered_with_a_picture_and_the_reason(
    env: Environment, provider: Running
) -> None:
    turn = do("computer_use_preview", action={"type": "fly"})
    trace = await play(env, operator(provider), provider, turn)
    assert used(trace) == ["openai_computer", "openai_computer"]
    (shown,) = items(provider, "computer_call_output")
    assert shown["output"]["image_url"].startswith(PNG)
    assert (
        "unknown action 'fly'" in provider.requests[-1]["body"]["input"][-1]["content"][0]["text"]
    )


@pytest.mark.parametrize("make", [operator, gemini_cua])
async def test_without_a_computer_tool_a_computer_agent_says_which_to_add(
    make: Any, provider: Running
) -> None:
    env = Environment("blind")

    @env.scenario("work")
    async def work() -> AsyncGenerator[Any, Any]:
        yield "Do the work."
        yield 1.0

    trace = await env("work").run(make(provider))
    assert "has no computer for the model" in str(trace.error)
    assert provider.stats["requests"] == 0


async def test_gemini_uses_the_computer_in_its_own_coordinates(
    env: Environment, provider: Running
) -> None:
    safety = {"decision": "require_confirmation", "explanation": "Pays."}
    click = do("click_at", x=500, y=500, safety_decision=safety)
    trace = await play(env, gemini_cua(provider, system_prompt="Be quick."), provider, click)
    assert trace.reward == 1.0
    (step,) = [step for step in trace.steps if step.kind == "tool"]
    assert step.request == {"action": "click_at", "x": 500, "y": 250}
    body = provider.requests[-1]["body"]
    answer = body["contents"][-1]["parts"][0]["functionResponse"]
    assert (answer["name"], answer["id"]) == ("click_at", "fc_0")
    assert answer["response"]["safety_acknowledgement"] == "true"
    assert answer["parts"][0]["inlineData"]["mimeType"] == "image/png"
    assert body["systemInstruction"] == {"parts": [{"text": "Be quick."}]}
    assert provider.requests[-1]["headers"]["x-goog-api-key"] == "key"


async def test_gemini_calls_the_environments_own_functions_beside_the_computer(
    env: Environment, provider: Running
) -> None:
    @env.tool
    def navigate(where: str) -> str:
        return f"went to {where}"

    agent = gemini_cua(provider, excluded_predefined_functions=["search"])
    trace = await play(env, agent, provider, do("navigate", where="the shop"))
    assert trace.content == '{"result": "went to the shop"}'
    assert offered(provider)[0]["computerUse"]["excludedPredefinedFunctions"] == [
        "navigate",
        "search",
    ]


async def test_an_error_of_the_gemini_api_is_a_failure_and_no_answer(
    env: Environment, provider: Running
) -> None:
    trace = await play(env, gemini_cua(provider), provider, "status:403")
    assert (trace.reward, trace.content) == (None, None)
    assert "gemini answered 403" in str(trace.error)


async def test_tools_of_a_connected_server_are_offered_as_the_providers_own_too(
    provider: Running,
) -> None:
    far, env = Environment("far"), Environment("near")
    far.add_tool(BashTool())
    env.connect_server(far, prefix="far")

    @env.scenario("work")
    async def work() -> AsyncGenerator[Any, Any]:
        yield "Do the work."
        yield 1.0

    trace = await play(env, claude(provider), provider, do("bash", command="echo hello"))
    assert offered(provider)[0]["type"] == "bash_20250124"
    assert (used(trace), trace.content) == (["far_bash"], "hello\n")


async def test_calls_that_act_on_one_machine_run_one_after_the_other() -> None:
    seen: list[str] = []

    class Screen(BaseTool):
        """Look."""

        native_specs: ClassVar[NativeToolSpecs] = {
            AgentType.CLAUDE: NativeToolSpec(role="computer")
        }

        async def __call__(self, step: int) -> str:
            seen.append(f"{step} begins")
            await anyio.lowlevel.checkpoint()
            seen.append(f"{step} ends")
            return "done"

    env = Environment("screen")
    env.add_tool(Screen())

    @env.scenario("work")
    async def work() -> AsyncGenerator[Any, Any]:
        yield "Do the work."
        yield 1.0

    calls = [MCPToolCall(name="screen", arguments={"step": step}) for step in (1, 2)]
    await env("work").run(ScriptedAgent([calls, "done"]))
    assert seen == ["1 begins", "1 ends", "2 begins", "2 ends"]
