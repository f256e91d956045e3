"""A rollout for agents under test: tools are plain functions, and answers are noted."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from typing import Any

import mcp_types

from hud.types import MCPToolCall, MCPToolResult, Trace, TraceStep

QUESTION = "How many 'r' in 'strawberry'?"
ANSWER = "The letter occurs 3 times."
PIXEL = mcp_types.ImageContent(data="aGVsbG8=", mime_type="image/png")


def count_letter(text: str, letter: str) -> str:
    return str(text.count(letter))


def user(said: str | mcp_types.ContentBlock) -> mcp_types.PromptMessage:
    content = mcp_types.TextContent(text=said) if isinstance(said, str) else said
    return mcp_types.PromptMessage(role="user", content=content)


class Rollout:
    """What an agent plays in: `AgentContext` over functions that return texts or content blocks."""

    def __init__(self, *tools: Callable[..., Any], prompt: str = QUESTION) -> None:
        self.prompt = prompt
        self.conversation = [user(prompt)]
        self.system_prompt: str | None = None
        self.trace = Trace()
        self.validation: list[MCPToolCall] = []
        self.tools = {tool.__name__: tool for tool in tools}
        self.submitted: list[str | None] = []
        self._began = time.monotonic()

    def elapsed(self) -> float:
        return time.monotonic() - self._began

    def as_tools(self) -> list[mcp_types.Tool]:
        return [_definition(tool) for tool in self.tools.values()]

    async def call_tool(self, call: MCPToolCall, /) -> MCPToolResult:
        step = TraceStep(
            kind="tool", name=call.name, started=self.elapsed(), request=call.arguments
        )
        self.trace.append(step)
        try:
            returned = self.tools[call.name](**call.arguments)
            returned = await returned if inspect.isawaitable(returned) else returned
        except (TypeError, LookupError) as error:
            step.error = str(error)
            return MCPToolResult(content=[mcp_types.TextContent(text=step.error)], is_error=True)
        blocks = [mcp_types.TextContent(text=returned)] if isinstance(returned, str) else [returned]
        return MCPToolResult(content=blocks)

    async def submit(self, answer: str | None, /) -> None:
        self.submitted.append(answer)

    def steps(self) -> list[tuple[str, str]]:
        """Kind and name of each recorded step."""
        return [(step.kind, step.name) for step in self.trace.steps]


def _definition(tool: Callable[..., Any]) -> mcp_types.Tool:
    properties = {name: {"type": "string"} for name in inspect.signature(tool).parameters}
    return mcp_types.Tool(
        name=tool.__name__,
        description=f"Does {tool.__name__}.",
        input_schema={"type": "object", "properties": properties, "required": list(properties)},
    )
