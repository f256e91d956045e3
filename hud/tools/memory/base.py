"""What the original's memory tools inherit."""

from hud.tools.left_out import left_out

raise left_out(
    "hud.tools.memory.base",
    "subclass a tool (MemoryTool, SessionMemoryTool, …) or BaseTool",
)
