"""The original's mixin that mocks tools."""

from hud.errors import left_out

raise left_out(
    "hud.environment.mock",
    "an environment has mock(), mock_tool(name, output) and mock_calls",
)
