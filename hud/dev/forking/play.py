"""Tools with which a connected coding agent plays a scenario: start it, use the tools, submit, read
the reward.

They are the dev server's, not the environment's: always listed, whatever tools a scenario leaves to
the agent, and never part of an image that is evaluated. A tool of the author's with the same name
takes precedence.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import mcp_types
from mcp.server.lowlevel import Server

from hud.dev.playtools import LIST, START, SUBMIT
from hud.environment.environment import Environment, text_of
from hud.environment.server.protocol import Answers
from hud.environment.server.sessions import RequestContext, Sessions
from hud.environment.session import Session
from hud.errors import HudError
from hud.types import EvaluationResult, MCPToolResult

SHOWN = 20
"""Scenarios that are named in the description of the tool that starts one."""

Play = Callable[[Session, Mapping[str, Any]], Coroutine[Any, Any, MCPToolResult]]


def add_play(server: Server[Sessions], env: Environment) -> None:
    """Let `server`, which serves `env`, offer the tools as well, if there is a scenario to play."""
    answers = Answers(tells_detail=False)

    async def list_tools(
        ctx: RequestContext, params: mcp_types.PaginatedRequestParams
    ) -> mcp_types.ListToolsResult:
        result = await answers.list_tools(ctx, params)
        return mcp_types.ListToolsResult(tools=[*result.tools, *_offered(env)])

    async def call_tool(
        ctx: RequestContext, params: mcp_types.CallToolRequestParams
    ) -> mcp_types.CallToolResult | mcp_types.InputRequiredResult:
        if params.name not in {tool.name for tool in _offered(env)}:
            return await answers.call_tool(ctx, params)
        play, arguments = PLAYS[params.name], params.arguments or {}
        return await ctx.lifespan_context.perform(
            ctx, lambda session: _played(play, session, arguments)
        )

    server.add_request_handler("tools/list", mcp_types.PaginatedRequestParams, list_tools)
    server.add_request_handler("tools/call", mcp_types.CallToolRequestParams, call_tool)


def _offered(env: Environment) -> list[mcp_types.Tool]:
    scenarios = scenarios_of(env)
    taken = {tool.name for tool in env.tool_definitions()}
    return [tool for tool in _tools(scenarios) if tool.name not in taken] if scenarios else []


def scenarios_of(env: Environment) -> list[mcp_types.Prompt]:
    """The scenarios, those of connected servers too: what is both a prompt and a resource."""
    graded = {str(resource.uri) for resource in env.resource_definitions()}
    return [prompt for prompt in env.prompt_definitions() if prompt.name in graded]


def _tools(scenarios: list[mcp_types.Prompt]) -> list[mcp_types.Tool]:
    names = [prompt.name.rpartition(":")[2] for prompt in scenarios]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    known = f"The scenarios are: {', '.join(names[:SHOWN])}{more}."
    return [
        _tool(LIST, "List the scenarios that can be played, with their arguments.", {}),
        _tool(
            START,
            f"Start a scenario and get its task. Do the task with the other tools, then call"
            f" {SUBMIT}. {known}",
            {
                "name": {"type": "string", "description": "The scenario's name."},
                "arguments": {"type": "object", "description": "The scenario's arguments."},
            },
            required=["name"],
        ),
        _tool(
            SUBMIT,
            "Submit the answer to the scenario that was started, and get the reward.",
            {"answer": {"type": "string", "description": "The final answer."}},
        ),
    ]


def _tool(
    name: str, description: str, properties: dict[str, Any], required: list[str] | None = None
) -> mcp_types.Tool:
    schema = {"type": "object", "properties": properties, "required": required or []}
    return mcp_types.Tool(name=name, description=description, input_schema=schema)


async def _played(play: Play, session: Session, arguments: Mapping[str, Any]) -> MCPToolResult:
    try:
        return await play(session, arguments)
    except HudError as exc:
        return _said(f"{exc.message} ({exc.hint})" if exc.hint else exc.message, is_error=True)


async def _list(session: Session, _arguments: Mapping[str, Any]) -> MCPToolResult:
    lines = []
    for prompt in scenarios_of(session.env):
        arguments = ", ".join(
            argument.name if argument.required else f"{argument.name}?"
            for argument in prompt.arguments or ()
        )
        about = f": {prompt.description}" if prompt.description else ""
        lines.append(f"{prompt.name.rpartition(':')[2]}({arguments}){about}")
    return _said("\n".join(lines))


async def _start(session: Session, arguments: Mapping[str, Any]) -> MCPToolResult:
    name, given = arguments.get("name"), arguments.get("arguments") or {}
    known = [prompt.name for prompt in scenarios_of(session.env)]
    found = [full for full in known if name in (full, full.rpartition(":")[2])]
    if not found:
        names = ", ".join(full.rpartition(":")[2] for full in known)
        return _said(f"there is no scenario {name!r}: there are {names}", is_error=True)
    if not isinstance(given, dict):
        return _said("`arguments` is not an object", is_error=True)
    prompt = await session.get_prompt(found[0], given)
    return _said(text_of(prompt.messages))


async def _submit(session: Session, arguments: Mapping[str, Any]) -> MCPToolResult:
    if session.run is None:
        message = f"no scenario is under way: call {START}; a reload ends the one that was"
        return _said(message, is_error=True)
    try:
        session.submit(arguments.get("answer"))
        return _graded(await session.grade(session.run.name))
    finally:
        await session.close()


def _graded(result: EvaluationResult) -> MCPToolResult:
    content = f"\n{result.content}" if result.content else ""
    return _said(
        f"reward: {result.reward}{content}",
        structured=result.model_dump(mode="json", exclude_none=True),
    )


def _said(
    text: str, *, is_error: bool = False, structured: dict[str, Any] | None = None
) -> MCPToolResult:
    return MCPToolResult.model_validate(
        {
            "content": [{"type": "text", "text": text}],
            "isError": is_error,
            "structuredContent": structured,
        }
    )


PLAYS: dict[str, Play] = {LIST: _list, START: _start, SUBMIT: _submit}
