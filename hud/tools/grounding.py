"""The original's computer tool that asks a second model where things are."""

from hud.errors import left_out

raise left_out("hud.tools.grounding", "use HudComputerTool, which any model can call")
