"""The original's older names: a server is an `Environment`, and so is a router."""

from hud.environment.environment import Environment as MCPRouter
from hud.environment.environment import Environment as MCPServer

__all__ = ["MCPRouter", "MCPServer"]
