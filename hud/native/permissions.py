"""The original's layer that allows and denies tool calls."""

from hud.errors import left_out

raise left_out("hud.native.permissions", "exclude tools: @env.scenario(exclude_tools=[…])")
