"""The path under which v4 code imports its client; `hud.environment.legacy.client` owns it."""

from hud.environment.legacy.client import MCPClient

__all__ = ["MCPClient"]
