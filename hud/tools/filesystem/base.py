"""What the original's filesystem tools inherit."""

from hud.tools.left_out import left_out

raise left_out("hud.tools.filesystem.base", "subclass a tool (ReadTool, GrepTool, …) or BaseTool")
