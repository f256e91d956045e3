"""The path under which v4 code imports `EditTool`."""

from hud.tools.coding import EditTool

__all__ = ["EditTool"]
