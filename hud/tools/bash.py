"""The path under which v4 code imports `BashTool`."""

from hud.tools.coding import BashTool

__all__ = ["BashTool"]
