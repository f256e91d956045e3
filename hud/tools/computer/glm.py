"""The original's computer tool for GLM."""

from hud.tools.left_out import left_out

raise left_out("hud.tools.computer.glm", "use HudComputerTool, which any model can call")
