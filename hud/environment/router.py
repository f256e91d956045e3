"""The path under which published code imports routers; they are environments."""

from hud.environment.connections import ConflictResolution
from hud.environment.environment import Environment as MCPRouter

__all__ = ["ConflictResolution", "MCPRouter"]
