"""A tool by which an agent submits its answer, and where a scenario finds it."""

from __future__ import annotations

import mcp_types

from hud.tools.response import ResponseTool

_submission: list[str] = []
"""The answer, or nothing. Each rollout has a process of its own, so one is enough."""


def set_submission(value: str | None) -> None:
    """Keep an answer; None forgets it."""
    _submission[:] = [] if value is None else [value]


def get_submission() -> str | None:
    """The answer that was submitted last, if there is one."""
    return _submission[0] if _submission else None


class SubmitTool(ResponseTool):
    """Submit the agent's final response for later evaluation"""

    name = "response"
    title = "Submit Tool"

    async def __call__(
        self, response: str | None = None, messages: list[mcp_types.ContentBlock] | None = None
    ) -> list[mcp_types.ContentBlock]:
        """Submit the answer.

        Args:
            response: The answer as a text.
            messages: The answer as content blocks; the last text of them counts, before `response`.
        """
        texts = [block.text for block in messages or () if isinstance(block, mcp_types.TextContent)]
        chosen = texts[-1] if texts else response
        set_submission(chosen)
        return [mcp_types.TextContent(text=chosen)] if chosen is not None else []
