"""The built-in environment that plays v4 tasks.

Its scenario starts the task's MCP servers itself, so every rollout has servers of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from statistics import fmean
from typing import Any
from weakref import WeakKeyDictionary

import mcp_types

from hud.environment.environment import Environment
from hud.environment.foreign import ForeignTool
from hud.environment.legacy.calls import read_call
from hud.environment.legacy.rewards import find_reward
from hud.environment.legacy.variables import fill_in
from hud.errors import GradingFailure, SetupFailure, ToolError
from hud.types import EvaluationResult, MCPToolCall, MCPToolResult

ENVIRONMENT = "v4-legacy"
"""Name of the environment; its scenario is called `legacy`."""


def environment_named(name: str) -> Environment | None:
    """A new environment of the built-in kind of this name, or None if there is no such kind."""
    return legacy_environment() if name == ENVIRONMENT else None


def legacy_environment() -> Environment:
    """An environment for v4 tasks; it offers the tools of the servers of the rollout under way.

    It plays one rollout at a time, others wait; a new environment for each lets them run at once.
    """
    import hud.environment.mcp_client  # noqa: F401, PLC0415 - loaded before rollouts are forked

    env = Environment(ENVIRONMENT)
    turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    async def legacy(
        prompt: str,
        mcp_config: dict[str, dict[str, Any]],
        evaluate_tool: list[dict[str, Any]],
        setup_tool: list[dict[str, Any]] | None = None,
        append_setup_output: bool = False,
    ) -> AsyncGenerator[Any, Any]:
        """Play a v4 task: start its servers, call its setup tools, grade with its evaluate tools.

        Args:
            prompt: What the agent is asked to do.
            mcp_config: MCP servers by name; `${VAR}` and `${VAR:default}` are filled in.
            evaluate_tool: Calls whose rewards are averaged.
            setup_tool: Calls in front of the prompt.
            append_setup_output: Whether the prompt ends with what the setup calls returned.
        """
        setup = [read_call(call) for call in setup_tool or []]
        evaluate = [read_call(call) for call in evaluate_tool]
        turn = turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())
        async with turn, _servers(mcp_config) as servers:
            _offer(env, servers, hidden={call.name for call in (*setup, *evaluate)})
            try:
                output = [block for call in setup for block in await _set_up(servers, call)]
                yield [prompt, *output] if append_setup_output else prompt
                yield await _grade(servers, evaluate)
            finally:
                env.tools.clear()

    env.scenario(legacy)
    return env


def _servers(mcp_config: dict[str, dict[str, Any]]) -> Environment:
    return Environment("v4-servers").connect_mcp_config(fill_in(mcp_config))


def _offer(env: Environment, servers: Environment, *, hidden: set[str]) -> None:
    """Make the servers' tools the environment's, but for those that set up and grade."""
    for definition in servers.tool_definitions():
        if definition.name not in hidden:
            env.add_tool(_forwarded(definition, servers))


def _forwarded(definition: mcp_types.Tool, servers: Environment) -> ForeignTool:
    async def invoke(arguments: dict[str, Any]) -> MCPToolResult:
        return await servers.run_tool(definition.name, arguments)

    return ForeignTool(definition, invoke)


async def _set_up(servers: Environment, call: MCPToolCall) -> list[mcp_types.ContentBlock]:
    result = await _run(servers, call)
    if result.is_error:
        what = f"the setup tool `{call.name}` failed"
        raise SetupFailure(f"{what}: {_first_line(result)}", detail=result.text)
    return result.content


async def _grade(servers: Environment, calls: list[MCPToolCall]) -> EvaluationResult:
    evaluations = [await _evaluate(servers, call) for call in calls]
    reward = fmean(item["reward"] for item in evaluations)
    return EvaluationResult(reward=reward, info={"evaluations": evaluations})


async def _evaluate(servers: Environment, call: MCPToolCall) -> dict[str, Any]:
    what = f"the evaluate tool `{call.name}`"
    result = await _run(servers, call)
    if result.is_error:
        raise GradingFailure(f"{what} failed: {_first_line(result)}", detail=result.text)
    reward = find_reward(result)
    if reward is None:
        raise GradingFailure(
            f"{what} returned no reward: {str(result.value)[:80]!r}",
            hint="let it return a number, or an object with `reward`",
        )
    return {"tool": call.name, "reward": reward, "result": result.value}


async def _run(servers: Environment, call: MCPToolCall) -> MCPToolResult:
    try:
        return await servers.run_tool(call.name, call.arguments)
    except ToolError as exc:
        text = f"{exc.message}; {exc.hint}" if exc.hint else exc.message
        return MCPToolResult(content=[mcp_types.TextContent(text=text)], is_error=True)


def _first_line(result: MCPToolResult) -> str:
    return next(iter(result.text.strip().splitlines()), "it gave no reason")
