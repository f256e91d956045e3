"""The agent that does nothing: what a task is worth without an answer."""

from __future__ import annotations

from typing import ClassVar

from hud.agents.agent import AgentContext, MCPAgent
from hud.types import Trace


class NopAgent(MCPAgent):
    """Calls no tool and submits no answer."""

    name: ClassVar[str] = "nop"

    async def play(self, ctx: AgentContext, max_steps: int) -> Trace:
        ctx.trace.info["stop_reason"] = "nop"
        await ctx.submit(None)
        return ctx.trace
