"""The path under which published code imports the agent's loop; `hud.agents.agent` owns it."""

from hud.agents.agent import MCPAgent, text_to_blocks

__all__ = ["MCPAgent", "text_to_blocks"]
