"""The original's tool that asks the user."""

from hud.errors import left_out

raise left_out("hud.tools.elicitation", "write a tool of your own: @env.tool")
