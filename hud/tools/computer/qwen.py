"""The original's computer tool for Qwen."""

from hud.tools.left_out import left_out

raise left_out("hud.tools.computer.qwen", "use HudComputerTool, which any model can call")
