"""The agent's loop: ask the model, run the tools that it asks for, and so on until it answers.

1. `MCPAgent.run` plays with a copy of the agent: whatever a run needs to remember lives in the
   copy, so one agent can play many rollouts at once.
2. A provider's agent says how messages, tools and results are written for its provider, and gets
   one response.
3. `get_response` appends the model's own turn to `messages`; the loop appends what
   `format_tool_results` gives.
4. Only tools that were offered are called; any other name is answered with an error, which the
   model can read.
5. Where the provider has tools of its own, what stands for them is offered as those
   (`hud.formats.native`); a call by the provider's name is a call of the tool.
6. Nothing is submitted but what the model said: a failed provider call raises, and its text never
   becomes an answer.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import groupby
from typing import Any, ClassVar, Protocol, Self

import anyio
import mcp_types

from hud.agents.config import AgentConfig, read_config
from hud.errors import AgentFailure, HudError, boundary
from hud.formats import native
from hud.formats.fields import UnreadableArguments
from hud.task import Task
from hud.types import AgentResponse, AgentType, MCPToolCall, MCPToolResult, Trace, TraceStep

Message = Any
"""One entry of a conversation, in the provider's own format."""


class AgentContext(Protocol):
    """What an agent sees of a rollout."""

    trace: Trace

    @property
    def prompt(self) -> str:
        """The conversation's text; all that there is without a scenario."""

    @property
    def conversation(self) -> list[mcp_types.PromptMessage]:
        """What the scenario yielded first; usually one text of the user."""

    @property
    def system_prompt(self) -> str | None:
        """The task's instructions."""

    @property
    def validation(self) -> list[MCPToolCall]:
        """Tool calls that solve the task."""

    def elapsed(self) -> float:
        """Seconds since the rollout began."""

    def as_tools(self) -> list[mcp_types.Tool]:
        """Tools that the agent may see."""

    async def call_tool(self, call: MCPToolCall, /) -> MCPToolResult:
        """Call a tool and record its step; a tool's failure is a result, never an exception."""

    async def submit(self, answer: str | None, /) -> None:
        """Give the answer; None says that there is none."""


class RefusedCall(MCPToolCall):
    """A call that cannot be made, as its arguments are not JSON; its `problem` is its answer."""

    problem: str


def read_call(read: Callable[[Any], MCPToolCall], item: Any) -> MCPToolCall:
    """The call that `read` finds in an item; a `RefusedCall` if its arguments are unreadable."""
    try:
        return read(item)
    except UnreadableArguments as error:
        return RefusedCall(id=error.call.id, name=error.call.name, problem=error.message)


class AgentLog(logging.LoggerAdapter[logging.Logger]):
    """`agent.console`, as loops in published environments call it."""

    def error_log(self, message: str) -> None:
        self.error("%s", message)

    def warning_log(self, message: str) -> None:
        self.warning("%s", message)


class MCPAgent:
    """An agent that plays rollouts with MCP tools; `create` makes one, `run` lets it play.

    Subclasses override `get_response` and, for a provider's format, `get_system_messages`,
    `format_blocks`, `format_assistant` and `format_tool_results`. Here, a message is `{"role": …,
    "content": [MCP content blocks]}`.
    """

    name: ClassVar[str] = "agent"
    """What the agent is called on the command line."""
    config_cls: ClassVar[type[AgentConfig]] = AgentConfig
    family: ClassVar[AgentType | None] = None
    """Whose own tools the agent's provider has."""

    def __init__(self, config: AgentConfig | None = None, **options: Any) -> None:
        self.config = config or read_config(self.config_cls, self.name, options)
        self.console = AgentLog(logging.getLogger(f"hud.agents.{self.name}"), {})
        self.ctx: AgentContext | None = None
        self._available_tools: list[mcp_types.Tool] = []
        self._tool_map: dict[str, mcp_types.Tool] = {}
        self._offer = native.Offer()
        self._initialized = False

    @classmethod
    def create(cls, **options: Any) -> Self:
        """An agent with those options.

        Raises:
            UserError: an option is unknown or does not fit, or the provider's key is missing.
        """
        return cls(read_config(cls.config_cls, cls.name, options))

    @property
    def model(self) -> str:
        """The model's name; the agent's own where no model is asked."""
        return self.config.model or self.name

    @property
    def system_prompt(self) -> str | None:
        """The agent's own instructions, then those of the task."""
        of_task = self.ctx.system_prompt if self.ctx else None
        return "\n\n".join(filter(None, (self.config.system_prompt, of_task))) or None

    async def run(self, ctx: AgentContext | Task, *, max_steps: int = 10) -> Trace:
        """Play a rollout, or a task from beginning to grade, and return its trace.

        `max_steps` bounds the model's turns (-1: no bound). An agent that reaches it submits
        nothing: the trace has `done=False` and `info["stop_reason"] == "max_steps"`.

        Raises:
            AgentFailure: the agent or its provider failed; a task puts it into the trace instead.
        """
        if isinstance(ctx, Task):
            return await ctx.run(self, max_steps=max_steps)
        return await copy.copy(self).play(ctx, max_steps)

    async def play(self, ctx: AgentContext, max_steps: int) -> Trace:
        """The rollout itself; called on a copy that belongs to this rollout alone."""
        with boundary(AgentFailure, f"agent `{self.name}`"):
            await self._initialize_from_ctx(ctx)
            messages = [*await self.get_system_messages(), *await self._opening(ctx)]
            ctx.trace.messages = messages
            final = await self._converse(messages, max_steps)
        if final is None:
            ctx.trace.done = False
            ctx.trace.info["stop_reason"] = "max_steps"
        else:
            await self._answer(ctx, final)
        return ctx.trace

    async def get_system_messages(self) -> list[Message]:
        """The messages with the system prompt; none where the provider takes it elsewhere."""
        prompt = self.system_prompt
        return [{"role": "system", "content": prompt}] if prompt else []

    async def format_messages(
        self, conversation: Sequence[mcp_types.PromptMessage]
    ) -> list[Message]:
        """The scenario's messages in the provider's format, neighbours of one role as one."""
        messages: list[Message] = []
        for role, group in groupby(conversation, key=lambda message: message.role):
            blocks = [message.content for message in group]
            write = self.format_blocks if role == "user" else self.format_assistant
            messages.extend(await write(blocks))
        return messages

    async def format_message(
        self, message: str | mcp_types.ContentBlock | list[mcp_types.ContentBlock]
    ) -> list[Message]:
        """A text, a block or several blocks of the user in the provider's format."""
        return await self.format_blocks(text_to_blocks(message))

    async def format_blocks(self, blocks: list[mcp_types.ContentBlock]) -> list[Message]:
        """Content of the user in the provider's format."""
        return [{"role": "user", "content": _plain(blocks)}]

    async def format_assistant(self, blocks: list[mcp_types.ContentBlock]) -> list[Message]:
        """Content that the scenario puts into the model's mouth, in the provider's format."""
        return [{"role": "assistant", "content": _plain(blocks)}]

    async def get_response(self, messages: list[Message]) -> AgentResponse:
        """Ask the model, and append its turn to `messages`.

        Raises:
            ProviderFailure: the provider refused, failed or could not be reached.
        """
        raise AgentFailure(f"{type(self).__name__} has no `get_response`")

    async def format_tool_results(
        self, tool_calls: list[MCPToolCall], tool_results: list[MCPToolResult]
    ) -> list[Message]:
        """The results of the calls, in their order, in the provider's format."""
        pairs = zip(tool_calls, tool_results, strict=True)
        return [
            {"role": "tool", "call": call.id, "content": _plain(result.content)}
            for call, result in pairs
        ]

    async def call_tools(
        self, tool_call: MCPToolCall | list[MCPToolCall] | None = None
    ) -> list[MCPToolResult]:
        """Call the tools at the same time; the results are in the order of the calls.

        Calls that act on one shell, screen or folder run one after the other.
        """
        calls = [tool_call] if isinstance(tool_call, MCPToolCall) else tool_call or []
        if len(calls) == 1 or any(map(self._is_of_a_machine, calls)):
            return [await self._call(call) for call in calls]
        results: dict[int, MCPToolResult] = {}

        async def call(index: int) -> None:
            results[index] = await self._call(calls[index])

        try:
            async with anyio.create_task_group() as group:
                for index in range(len(calls)):
                    group.start_soon(call, index)
        except BaseExceptionGroup as failures:
            raise _first_failure(failures) from None
        return [results[index] for index in range(len(calls))]

    def get_available_tools(self) -> list[mcp_types.Tool]:
        """The tools that are offered to the model."""
        return self._available_tools

    def get_tool_schemas(self) -> list[dict[str, Any]]:
        """Name, description and parameters of the tools that are offered."""
        return [
            {"name": tool.name, "description": tool.description, "parameters": tool.input_schema}
            for tool in self._available_tools
        ]

    async def _initialize_from_ctx(self, ctx: AgentContext) -> None:
        """Take the context's tools, without those that the config leaves out."""
        self.ctx = ctx
        allowed = [tool for tool in ctx.as_tools() if self._offers(tool.name)]
        self._offer = native.offer(allowed, self.family, self.config.model or None)
        self._available_tools = self._offer.tools
        self._tool_map = {tool.name: tool for tool in self._available_tools}
        self._on_tools_ready()
        self._initialized = True

    def _on_tools_ready(self) -> None:
        """Called when the tools are known: the place to write them in the provider's format."""

    async def _cleanup(self) -> None:
        """Nothing is held; loops in published environments call this."""

    def _offers(self, tool: str) -> bool:
        allowed, disallowed = self.config.allowed_tools, self.config.disallowed_tools
        return (allowed is None or _matches(tool, allowed)) and not _matches(tool, disallowed or [])

    async def _opening(self, ctx: AgentContext) -> list[Message]:
        if ctx.conversation:
            return await self.format_messages(ctx.conversation)
        if not ctx.prompt:
            raise AgentFailure("there is no prompt", hint="name a scenario, or set `ctx.prompt`")
        return await self.format_message(ctx.prompt)

    async def _converse(self, messages: list[Message], max_steps: int) -> AgentResponse | None:
        """The model's final response; None if the steps did not suffice."""
        steps = 0
        while max_steps < 0 or steps < max_steps:
            steps += 1
            response = await self._respond(messages)
            if response.done:
                return response
            results = await self.call_tools(response.tool_calls)
            messages.extend(await self.format_tool_results(response.tool_calls, results))
        return None

    async def _respond(self, messages: list[Message]) -> AgentResponse:
        """One turn of the model, recorded."""
        ctx = self._context()
        size = {"messages": len(messages), "tools": len(self._available_tools)}
        step = TraceStep(kind="model", name=self.model, started=ctx.elapsed(), request=size)
        ctx.trace.append(step)
        try:
            with boundary(AgentFailure, f"agent `{self.name}`"):
                response = await self.get_response(messages)
                if response.isError:
                    raise AgentFailure(response.content or f"agent `{self.name}` gave an error")
        except HudError as error:
            step.error = error.message
            raise
        finally:
            step.seconds = ctx.elapsed() - step.started
        step.usage = response.usage
        step.result = _recorded(response)
        self._log(step.result)
        return response

    def _is_of_a_machine(self, call: MCPToolCall) -> bool:
        tool = self._tool_map.get(self._offer.routed(call).name)
        return tool is not None and native.is_of_a_machine(tool)

    async def _call(self, call: MCPToolCall) -> MCPToolResult:
        call = self._offer.routed(call)
        ctx, problem = self._context(), self._objection(call)
        if problem is None:
            return await ctx.call_tool(call)
        refused = TraceStep(
            kind="tool", name=call.name, started=ctx.elapsed(), request=call.arguments
        )
        refused.error = problem
        ctx.trace.append(refused)
        return MCPToolResult(content=text_to_blocks(problem), is_error=True)

    def _objection(self, call: MCPToolCall) -> str | None:
        if isinstance(call, RefusedCall):
            return call.problem
        if call.name not in self._tool_map:
            known = ", ".join(sorted(self._tool_map)) or "none"
            return f"unknown tool `{call.name}`; there are: {known}"
        return None

    async def _answer(self, ctx: AgentContext, final: AgentResponse) -> None:
        ctx.trace.content = final.content or None
        ctx.trace.citations = final.citations
        ctx.trace.info["stop_reason"] = final.finish_reason or "answered"
        await ctx.submit(ctx.trace.content)

    def _context(self) -> AgentContext:
        if self.ctx is None:
            raise AgentFailure(
                f"agent `{self.name}` is not in a rollout", hint="await agent.run(ctx)"
            )
        return self.ctx

    def _log(self, result: dict[str, Any]) -> None:
        self.console.log(
            logging.INFO if self.config.verbose else logging.DEBUG, "%s: %s", self.model, result
        )


def text_to_blocks(
    text: str | mcp_types.ContentBlock | list[mcp_types.ContentBlock],
) -> list[mcp_types.ContentBlock]:
    """A text as a list of one content block; blocks stay as they are."""
    if isinstance(text, str):
        return [mcp_types.TextContent(type="text", text=text)]
    return text if isinstance(text, list) else [text]


def _plain(blocks: list[mcp_types.ContentBlock]) -> list[dict[str, Any]]:
    return [block.model_dump(mode="json", by_alias=True, exclude_none=True) for block in blocks]


def _matches(tool: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(tool, pattern) for pattern in patterns)


def _recorded(response: AgentResponse) -> dict[str, Any]:
    calls = [
        {"id": call.id, "name": call.name, "arguments": call.arguments}
        for call in response.tool_calls
    ]
    parts = {
        "content": response.content,
        "reasoning": response.reasoning,
        "tool_calls": calls,
        "finish_reason": response.finish_reason,
    }
    return {name: part for name, part in parts.items() if part}


def _first_failure(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """Which of several failures to report: one that knows its boundary, if there is any."""
    leaves = list(_leaves(failures))
    return next((leaf for leaf in leaves if isinstance(leaf, HudError)), leaves[0])


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error
