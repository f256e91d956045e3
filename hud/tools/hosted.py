"""The original's tools that a provider runs itself."""

from hud.errors import left_out

raise left_out(
    "hud.tools.hosted",
    "hosted tools belong to the agent, not to the environment; write a tool that does it",
)
