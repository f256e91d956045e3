"""What published v5 and v4 environments import, call and rely on is here, under their names.

Rows are those of the frequency table, the most used first.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest

import hud
from hud import Environment
from hud.agents import OpenAIChatAgent, create_agent
from hud.environment.hub import BaseHub
from hud.errors import HudError
from hud.eval.task import Task
from hud.native.graders import BashGrader, Grade, LLMJudgeGrader
from hud.server import MCPRouter, MCPServer
from hud.tools import (
    AnthropicComputerTool,
    ApplyPatchTool,
    BashTool,
    EditTool,
    HudComputerTool,
    JupyterTool,
    OpenAIComputerTool,
    PlaywrightTool,
    ReadTool,
    ShellTool,
)
from hud.tools.coding import ClaudeBashSession
from hud.tools.executors.base import BaseExecutor
from hud.tools.types import ContentResult, EvaluationResult, SubScore
from hud.types import MCPToolCall

NAMES = {
    2: ["hud.Environment", "hud.environment.Environment"],
    6: ["hud.eval", "hud.eval.run_eval", "hud.eval.manager.run_eval"],
    7: ["hud.tools.types.EvaluationResult", "hud.tools.types.ScenarioResult"],
    9: ["hud.server.MCPServer", "hud.server.server.MCPServer"],
    11: ["hud.settings.settings", "hud.settings.get_settings"],
    12: ["hud.agents.OpenAIChatAgent", "hud.agents.openai_chat.OpenAIChatAgent"],
    15: ["hud.datasets.load_tasks", "hud.datasets.loader.load_tasks", "hud.datasets.load_dataset"],
    17: ["hud.tools.BashTool", "hud.tools.coding.BashTool", "hud.tools.bash.BashTool"],
    21: ["hud.tools.EditTool", "hud.tools.coding.EditTool", "hud.tools.edit.EditTool"],
    23: ["hud.datasets.save_tasks", "hud.datasets.run_dataset", "hud.datasets.run_single_task"],
    25: ["hud.tools.types.ContentResult"],
    26: ["hud.tools.AnthropicComputerTool", "hud.tools.computer.AnthropicComputerTool"],
    29: [
        *("hud.server.MCPRouter", "hud.server.router.MCPRouter"),
        *("hud.environment.MCPRouter", "hud.environment.router.MCPRouter"),
        *("hud.environment.ConflictResolution", "hud.environment.router.ConflictResolution"),
    ],
    30: [
        *("hud.tools.HudComputerTool", "hud.tools.computer.HudComputerTool"),
        *("hud.tools.OpenAIComputerTool", "hud.tools.computer.OpenAIComputerTool"),
    ],
    31: ["hud.agents.create_agent"],
    32: [
        *("hud.server.context.attach_context", "hud.server.context.run_context_server"),
        "hud.server.context.serve_context",
    ],
    34: ["hud.tools.types.SubScore"],
    35: ["hud.tools.playwright.PlaywrightTool", "hud.tools.PlaywrightTool"],
    36: ["hud.tools.base.BaseHub", "hud.tools.BaseHub"],
    39: ["hud.agents.claude.ClaudeAgent", "hud.agents.ClaudeAgent"],
    40: ["hud.datasets.Task", "hud.types.LegacyTask", "hud.datasets.LegacyTask"],
    44: ["hud.eval.task.Task", "hud.eval.Task", "hud.Task", "hud.types.Task"],
    45: ["hud.types.MCPToolCall", "hud.types.MCPToolResult"],
    46: [
        *("hud.native.graders.Grade", "hud.native.graders.BashGrader"),
        *("hud.native.graders.LLMJudgeGrader", "hud.native.Grade", "hud.native.exact_match"),
    ],
    47: ["hud.tools.executors.base.BaseExecutor", "hud.tools.executors.BaseExecutor"],
    49: ["hud.clients.MCPClient"],
    50: [
        *("hud.tools.GeminiShellTool", "hud.tools.coding.GeminiShellTool"),
        *("hud.tools.GeminiEditTool", "hud.tools.coding.GeminiEditTool"),
        *("hud.tools.filesystem.GeminiReadTool", "hud.tools.filesystem.GeminiListTool"),
        *("hud.tools.filesystem.GeminiGlobTool", "hud.tools.filesystem.GeminiSearchTool"),
    ],
    51: [
        *("hud.tools.ShellTool", "hud.tools.coding.ShellTool"),
        *("hud.tools.ApplyPatchTool", "hud.tools.coding.ApplyPatchTool"),
    ],
    53: ["hud.tools.base.BaseTool", "hud.tools.BaseTool"],
    54: ["hud.tools.types.ToolError"],
    56: [
        *("hud.tools.ReadTool", "hud.tools.filesystem.ReadTool", "hud.tools.filesystem.GrepTool"),
        *("hud.tools.filesystem.GlobTool", "hud.tools.filesystem.ListTool"),
    ],
    58: [
        *("hud.eval.context.EvalContext", "hud.EvalContext", "hud.eval.EvalContext"),
        *("hud.types.Trace", "hud.agents.base.text_to_blocks", "hud.agents.base.MCPAgent"),
        *("hud.types.InferenceResult", "hud.types.AgentResponse", "hud.agents.types.ClaudeConfig"),
    ],
    60: ["hud.tools.coding.ClaudeBashSession", "hud.tools.coding.utils.get_demote_preexec_fn"],
    61: ["hud.trace", "hud.telemetry.trace"],
    63: ["hud.tools.computer.settings.computer_settings"],
    64: ["hud.tools.jupyter.JupyterTool"],
    65: [
        *("hud.tools.submit.SubmitTool", "hud.tools.submit.get_submission"),
        "hud.tools.submit.set_submission",
    ],
    66: ["hud.telemetry.instrument", "hud.telemetry.instrument.instrument", "hud.instrument"],
}
"""What is imported, by row."""

METHODS = {
    1: "scenario", 3: "run", 4: "tool", 8: "__call__", 10: "add_tool", 13: "initialize",
    16: "as_tools", 22: "shutdown", 28: "call_tool", 33: "include_router", 41: "connect_url",
    43: "as_openai_chat_tools", 48: "connect_image", 52: "connect_server", 55: "resource",
    59: "mount",
}  # fmt: skip
"""What is called on an environment, by row."""

CONTEXT = {20: "prompt", 24: "reward", 37: "call_tool", 42: "variants", 62: "submit"}
"""What is asked of a context, by row."""


@pytest.mark.parametrize(("row", "names"), NAMES.items(), ids=str)
def test_every_published_name_is_imported_from_where_it_was(row: int, names: list[str]) -> None:
    for path in names:
        module, _, name = path.rpartition(".")
        assert getattr(importlib.import_module(module), name) is not None


def environment() -> Environment:
    """An environment with a scenario, declared with every published keyword."""
    env = Environment(name="published", instructions="Be brief.")

    @env.tool(name="look", description="Look around.", output_schema=None)
    def looks() -> str:
        return "nothing"

    @env.scenario(
        name="play",
        description="Play.",
        exclude_tools=["look"],
        returns=int,
        required_env_vars=["NO_SUCH_KEY"],
    )
    async def play(words: list[str] | None = None) -> Any:
        yield "Play."
        yield 1.0

    return env


CALLS: dict[int, list[Callable[[], Any]]] = {
    1: [environment],
    6: [
        lambda: hud.eval(environment()("play"), name="n", trace=False, quiet=True),
        lambda: hud.eval([environment()("play")], variants={}, group=2, max_concurrent=3),
    ],
    7: [
        lambda: EvaluationResult(
            reward=1, done=True, content="", info={}, isError=False, subscores=[]
        )
    ],
    8: [lambda: environment()("play", words=["a"])],
    9: [lambda: MCPServer(name="v4", instructions="Be brief."), lambda: MCPRouter(name="part")],
    12: [lambda: OpenAIChatAgent.create(model="m", api_key="k", base_url="http://127.0.0.1:9")],
    25: [lambda: ContentResult(output="a", error="b", base64_image="aGk=")],
    26: [lambda: AnthropicComputerTool(display_num=1, executor=None, width=80, height=60)],
    30: [lambda: HudComputerTool(display_num=1), lambda: OpenAIComputerTool(width=80, height=60)],
    31: [
        lambda: create_agent("oracle"),
        lambda: create_agent(
            model="claude-x", api_key="k", system_prompt="", allowed_tools=["*"], verbose=True
        ),
    ],
    34: [lambda: SubScore(name="a", value=1.0, weight=0.5, metadata={})],
    35: [lambda: PlaywrightTool(cdp_url="http://127.0.0.1:9222")],
    36: [lambda: BaseHub("setup", title="Setup", description="Functions.", env=object())],
    41: [lambda: environment().connect_url("http://127.0.0.1:9/mcp", headers={}, prefix="far")],
    44: [
        lambda: Task(
            env=environment(), scenario="play", args={}, slug="a", validation=[], metadata={}
        ),
        lambda: Task(
            prompt="Play.",
            mcp_config={"here": {"url": "http://127.0.0.1:9/mcp"}},
            setup_tool={"name": "setup", "arguments": {}},
            evaluate_tool={"name": "evaluate", "arguments": {}},
            agent_config={"system_prompt": "Be brief."},
        ),
    ],
    45: [lambda: MCPToolCall(name="look", arguments={})],
    46: [
        lambda: Grade.from_subscores([SubScore(name="a", value=1.0)]),
        lambda: BashGrader.grade(name="a", weight=1.0, command="true", timeout_seconds=5).close(),
        lambda: LLMJudgeGrader.grade(
            name="a", weight=1.0, answer="", question="", criteria=["x"], model="m"
        ).close(),
    ],
    47: [lambda: BaseExecutor(display_num=1)],
    48: [lambda: environment().connect_image("none", docker_args=["-p", "1:1"], env_vars={})],
    51: [ShellTool, lambda: ApplyPatchTool(base_path=".")],
    52: [lambda: environment().connect_server(MCPServer(name="b"), prefix="b")],
    56: [lambda: ReadTool(base_path=".")],
    64: [lambda: JupyterTool(url_suffix="localhost:8888", kernel_name="python3")],
}
"""Calls with the keywords that were seen, by row."""


@pytest.mark.parametrize(
    "call",
    [pytest.param(call, id=f"{row}-{n}") for row in CALLS for n, call in enumerate(CALLS[row])],
)
def test_every_published_keyword_is_taken(call: Callable[[], Any]) -> None:
    call()


@pytest.mark.parametrize(("row", "name"), METHODS.items(), ids=str)
def test_an_environment_has_every_published_method(row: int, name: str) -> None:
    assert callable(getattr(MCPServer(name="v4"), name))


@pytest.mark.anyio
@pytest.mark.parametrize(("row", "name"), CONTEXT.items(), ids=str)
async def test_a_context_has_every_published_member(row: int, name: str) -> None:
    async with hud.eval() as ctx:
        getattr(ctx, name)


def test_a_task_takes_a_slug_and_a_scenario_makes_tasks() -> None:
    env = environment()

    @env.scenario()
    async def other(word: str) -> Any:
        yield word
        yield 1.0

    task = other.task(word="x")
    task.slug = "a-slug"
    assert (task.slug, task.scenario, task.args) == ("a-slug", "other", {"word": "x"})


PRIVATE: dict[str, Callable[[], Any]] = {
    "env._scenarios": lambda: environment()._scenarios["play"],
    "_build_answer_for_generator": lambda: (
        importlib.import_module("hud.environment.scenarios")._build_answer_for_generator
    ),
    "session": lambda: [
        getattr(ClaudeBashSession(), name) for name in ("_started", "_process", "_timed_out")
    ],
    "BashTool": lambda: (BashTool()._timeout, BashTool().session),
    "EditTool": lambda: EditTool().validate_path,
    "agent": lambda: [
        getattr(create_agent("oracle"), name)
        for name in ("_initialize_from_ctx", "_available_tools", "_tool_map")
    ],
}


@pytest.mark.parametrize("reach", PRIVATE.values(), ids=PRIVATE.keys())
def test_private_names_that_published_code_uses_are_there(reach: Callable[[], Any]) -> None:
    reach()


@pytest.mark.anyio
async def test_a_contexts_private_filters_decide_what_the_agent_is_offered() -> None:
    env = environment()
    task = Task(env=env, args={}, agent_config={"disallowed_tools": ["lo*"]})
    async with hud.eval(task) as ctx:
        assert (ctx._agent_include, ctx._agent_exclude) == (None, ["lo*"])
        assert ctx.as_tools() == []
        ctx._agent_exclude = None
        assert [tool.name for tool in env.as_tools()] == ["look"]


LEFT_OUT = [
    ("hud.datasets", "submit_rollouts"),
    ("hud.datasets", "display_results"),
    ("hud.tools.executors", "PyAutoGUIExecutor"),
    ("hud.tools", "GroundedComputerTool"),
    ("hud.tools.hosted", "WebSearchTool"),
    ("hud.tools.grounding", "GroundedComputerTool"),
    ("hud.tools.elicitation", "ElicitTool"),
    ("hud.agents.grounded_openai", "GroundedOpenAIChatAgent"),
    ("hud.agents.misc", "ResponseAgent"),
    ("hud.native.permissions", "PermissionLayer"),
    ("hud.native.skills", "Skill"),
    ("hud.agents.gateway", "build_gateway_client"),
    ("hud.agents.resolver", "resolve_cls"),
    ("hud.datasets.utils", "BatchRequest"),
    ("hud.environment.connection", "Connector"),
    ("hud.environment.connectors", "ConnectorsMixin"),
    ("hud.environment.integrations", "IntegrationsMixin"),
    ("hud.environment.mock", "MockMixin"),
    ("hud.environment.utils", "parse_tool_call"),
    ("hud.eval.display", "display_results"),
    ("hud.eval.instrument", "_patch_httpx"),
    ("hud.eval.parallel", "expand_variants"),
    ("hud.eval.types", "ParallelEvalComplete"),
    ("hud.native.chat", "env"),
    ("hud.server.low_level", "LowLevelServerWithInit"),
    ("hud.services.reply_metadata", "build_reply_metadata"),
    ("hud.telemetry.exporter", "queue_span"),
    ("hud.tools.computer.glm", "GLMComputerTool"),
    ("hud.tools.computer.qwen", "QwenComputerTool"),
    ("hud.tools.executors.pyautogui", "PyAutoGUIExecutor"),
    ("hud.tools.filesystem.base", "BaseReadTool"),
    ("hud.tools.memory.base", "BaseMemoryTool"),
    ("hud.utils", "hud_console"),
    ("hud.shared", "exceptions"),
]


@pytest.mark.parametrize(("module", "name"), LEFT_OUT)
def test_what_is_left_out_says_so_and_names_the_way_to_go(module: str, name: str) -> None:
    with pytest.raises(HudError, match="is left out of hud-local") as refusal:
        getattr(importlib.import_module(module), name)
    assert f"`{module}" in refusal.value.message
    assert refusal.value.hint
    assert refusal.value.__notes__ == [f"hint: {refusal.value.hint}"]
