"""Tools for Anthropic's SDK, for its tool runner and for loops of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import mcp_types
from anthropic.lib.tools import BetaAsyncBuiltinFunctionTool, ToolError

from hud.formats import claude, content
from hud.formats.adapters import Caller
from hud.formats.fields import UnreadableArguments, make_call


class EnvTool(BetaAsyncBuiltinFunctionTool):
    """A tool as `client.beta.messages.tool_runner(tools=…)` takes it."""

    def __init__(self, definition: dict[str, Any], call: Caller) -> None:
        self._definition = definition
        self._call = call

    def to_dict(self) -> Any:
        """The definition that is sent to the provider."""
        return self._definition

    async def call(self, input: object) -> Any:
        """Run the tool and return its content blocks.

        Raises:
            ToolError: the tool failed; the SDK's runner shows its content to the model.
        """
        request = make_call(self._definition["name"], input)
        answer = claude.result(request, await self._call(request))
        if answer["is_error"]:
            raise ToolError(answer["content"])
        return answer["content"]


class EnvToolRunner:
    """Answers the `tool_use` blocks of a message.

    `tools` are for the SDK's own tool runner, `run` is for a loop of one's own.
    """

    def __init__(self, offered: Sequence[mcp_types.Tool], call: Caller) -> None:
        self._call = call
        self.tools = [EnvTool(definition, call) for definition in claude.tools(offered)]

    @property
    def tool_names(self) -> list[str]:
        """Names of the tools, in order."""
        return [tool.name for tool in self.tools]

    async def run(self, block: Mapping[str, Any] | Any) -> dict[str, Any]:
        """The `tool_result` block that answers a `tool_use` block, failed or not.

        Raises:
            UserError: it is no `tool_use` block.
        """
        try:
            call = claude.call(block)
        except UnreadableArguments as exc:
            return claude.result(exc.call, content.failure(exc.message))
        return claude.result(call, await self._call(call))
