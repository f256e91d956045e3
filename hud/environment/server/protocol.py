"""An environment's answers to MCP's requests. Transports and lifetimes are elsewhere."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import mcp_types
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from hud.environment.server.sessions import Limits, RequestContext, Sessions
from hud.environment.session import SUBMIT_TOOL, TYPED_ARGUMENTS, Session, StringArguments
from hud.environment.tool_context import Caller, serving
from hud.errors import EnvironmentFailure, HudError, UserError, boundary, did_you_mean, error_data
from hud.types import MCPToolResult

if TYPE_CHECKING:
    from hud.environment.environment import Environment

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
Page = mcp_types.PaginatedRequestParams


def protocol_server(
    env: Environment, limits: Limits | None = None, *, tells_detail: bool = True
) -> Server[Sessions]:
    """The environment as a server object of the MCP library.

    Running it enters the environment, stopping leaves it. `tells_detail`: whether errors carry the
    author's traceback to the client. It holds lines of the grader's source, so only a client that
    runs the environment itself may have it; it is logged in either case.
    """

    @asynccontextmanager
    async def lifespan(_server: Server[Sessions]) -> AsyncIterator[Sessions]:
        async with env:
            sessions = Sessions(env, limits or Limits())
            try:
                yield sessions
            finally:
                await sessions.close()

    answers = Answers(tells_detail)
    server = Server(
        env.name,
        version=str(env.options.get("version") or ""),
        instructions=env.instructions,
        lifespan=lifespan,
        get_tool_input_schema=lambda name: _schema_of(env, name),
        on_list_tools=answers.list_tools,
        on_call_tool=answers.call_tool,
        on_list_prompts=answers.list_prompts,
        on_get_prompt=answers.get_prompt,
        on_list_resources=answers.list_resources,
        on_list_resource_templates=answers.list_resource_templates,
        on_read_resource=answers.read_resource,
    )
    # Not given above, where the library warns of it: one era has it, the other does not.
    server.add_request_handler(
        "logging/setLevel", mcp_types.SetLevelRequestParams, answers.set_log_level
    )
    return server


class Answers:
    """One handler for each method of MCP that environments serve."""

    def __init__(self, tells_detail: bool) -> None:
        self._tells_detail = tells_detail

    async def list_tools(
        self, ctx: RequestContext, params: Page | None
    ) -> mcp_types.ListToolsResult:
        return mcp_types.ListToolsResult(tools=await self._ask(ctx, Session.list_tools))

    async def call_tool(
        self, ctx: RequestContext, params: mcp_types.CallToolRequestParams
    ) -> mcp_types.CallToolResult | mcp_types.InputRequiredResult:
        def called(session: Session) -> Coroutine[Any, Any, MCPToolResult]:
            return _call_tool(session, params.name, params.arguments or {})

        if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
            inquiries = ctx.lifespan_context.inquiries
            return await inquiries.call(ctx, params, lambda: self._ask(ctx, called))
        with serving(Caller(ctx)):
            return await self._ask(ctx, called)

    async def list_prompts(
        self, ctx: RequestContext, params: Page | None
    ) -> mcp_types.ListPromptsResult:
        return mcp_types.ListPromptsResult(prompts=await self._ask(ctx, Session.list_prompts))

    async def get_prompt(
        self, ctx: RequestContext, params: mcp_types.GetPromptRequestParams
    ) -> mcp_types.GetPromptResult:
        typed = (ctx.meta or {}).get(TYPED_ARGUMENTS)
        arguments = typed if isinstance(typed, dict) else StringArguments(params.arguments or {})
        return await self._ask(ctx, lambda session: _get_prompt(session, params.name, arguments))

    async def list_resources(
        self, ctx: RequestContext, params: Page | None
    ) -> mcp_types.ListResourcesResult:
        return mcp_types.ListResourcesResult(resources=await self._ask(ctx, Session.list_resources))

    async def list_resource_templates(
        self, ctx: RequestContext, params: Page | None
    ) -> mcp_types.ListResourceTemplatesResult:
        return mcp_types.ListResourceTemplatesResult(
            resource_templates=await self._ask(ctx, _templates)
        )

    async def read_resource(
        self, ctx: RequestContext, params: mcp_types.ReadResourceRequestParams
    ) -> mcp_types.ReadResourceResult:
        return await self._ask(ctx, lambda session: _read_resource(session, params.uri))

    async def set_log_level(
        self, ctx: RequestContext, params: mcp_types.SetLevelRequestParams
    ) -> mcp_types.EmptyResult:
        async def keep(session: Session) -> mcp_types.EmptyResult:
            session.log_level = params.level
            return mcp_types.EmptyResult()

        return await self._ask(ctx, keep)

    async def _ask(
        self, ctx: RequestContext, operation: Callable[[Session], Coroutine[Any, Any, Result]]
    ) -> Result:
        try:
            return await ctx.lifespan_context.perform(ctx, operation)
        except HudError as exc:
            raise self._error(exc) from exc

    def _error(self, exc: HudError) -> MCPError:
        if exc.detail:
            logger.error("%s\n%s", exc.message, exc.detail)
        code = INVALID_PARAMS if isinstance(exc, UserError) else INTERNAL_ERROR
        return MCPError(code, exc.message, error_data(exc, with_detail=self._tells_detail))


async def _call_tool(session: Session, name: str, arguments: Mapping[str, Any]) -> MCPToolResult:
    known = [tool.name for tool in session.env.tool_definitions()]
    if name not in known and name != SUBMIT_TOOL:
        visible = [tool.name for tool in session.visible_tools()]
        raise MCPError(
            INVALID_PARAMS, f"Unknown tool: {name}", {"hint": did_you_mean(name, visible)}
        )
    return await session.call_tool(name, arguments)


async def _get_prompt(
    session: Session, name: str, arguments: Mapping[str, Any]
) -> mcp_types.GetPromptResult:
    with boundary(EnvironmentFailure, f"prompt `{name}` failed"):
        return await session.get_prompt(name, arguments)


async def _read_resource(session: Session, uri: str) -> mcp_types.ReadResourceResult:
    with boundary(EnvironmentFailure, f"resource `{uri}` failed"):
        return await session.read_resource(uri)


async def _templates(session: Session) -> list[mcp_types.ResourceTemplate]:
    return session.env.resource_templates()


def _schema_of(env: Environment, name: str) -> Mapping[str, Any] | None:
    return next((tool.input_schema for tool in env.tool_definitions() if tool.name == name), None)
