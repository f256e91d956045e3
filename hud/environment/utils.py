"""The original's conversions between the providers' calls."""

from hud.errors import left_out

raise left_out(
    "hud.environment.utils",
    "env.call_tool(call) reads every provider's call and answers in its format",
)
