"""A tool by which an agent answers; what it answers goes nowhere but back."""

from __future__ import annotations

from typing import Any

import mcp_types

from hud.tools.tool import BaseTool


class ResponseTool(BaseTool):
    """Send a text response or list of messages to the environment"""

    name = "response"
    title = "Response Tool"

    def __init__(
        self,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        **specs: Any,
    ) -> None:
        super().__init__(name=name, title=title, description=description, **specs)

    async def __call__(
        self, response: str | None = None, messages: list[mcp_types.ContentBlock] | None = None
    ) -> list[mcp_types.ContentBlock]:
        """Answer.

        Args:
            response: The answer as a text.
            messages: The answer as content blocks.
        """
        text = [mcp_types.TextContent(text=response)] if response is not None else []
        return [*text, *(messages or ())]
