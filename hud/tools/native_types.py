"""The path under which published code imports the specs of providers' own tools."""

from hud.types import AgentType, NativeToolSpec, NativeToolSpecs

__all__ = ["AgentType", "NativeToolSpec", "NativeToolSpecs"]
