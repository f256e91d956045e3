"""The path under which published code imports the server; it is an `Environment`."""

from hud.environment.environment import Environment as MCPServer

__all__ = ["MCPServer"]
