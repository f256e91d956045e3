"""A desk with a screen: computer tools over one executor, simulated where there is no display."""

from __future__ import annotations

from typing import Any

from hud import Environment
from hud.tools import AnthropicComputerTool, HudComputerTool, OpenAIComputerTool
from hud.tools.base import BaseTool
from hud.tools.executors.base import BaseExecutor
from hud.tools.types import ContentResult

env = Environment("desktop")
executor = BaseExecutor(display_num=1)
env.add_tool(AnthropicComputerTool(executor=executor, width=320, height=240))
env.add_tool(OpenAIComputerTool(executor=executor, width=320, height=240))
env.add_tool(HudComputerTool(executor=executor))


class Clipboard(BaseTool):
    """A tool with a state of its own."""

    def __init__(self) -> None:
        super().__init__(env=[], name="clipboard", title="Clipboard", description="Copy or paste.")

    async def __call__(self, text: str | None = None) -> Any:
        if text is not None:
            self.env.append(text)
            return ContentResult(output=f"copied {len(text)}").to_content_blocks()
        if not self.env:
            return ContentResult(error="nothing was copied").to_content_blocks()
        return ContentResult(output=self.env[-1]).to_content_blocks()


clipboard = Clipboard()
env.add_tool(clipboard)


@env.scenario("look")
async def look(words: str = "copied") -> Any:
    """Take a screenshot, then copy a text."""
    clipboard.env.clear()
    answer = yield f"Take a screenshot, copy {words!r}, and say what it was."
    seen = (await env.call_tool("anthropic_computer", action="screenshot")).content
    pictures = [block for block in seen if block.type == "image"]
    yield 0.5 * (clipboard.env == [words]) + 0.25 * bool(pictures) + 0.25 * (answer == words)
