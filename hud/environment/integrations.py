"""The original's mixins that convert tools."""

from hud.errors import left_out

raise left_out(
    "hud.environment.integrations",
    "an environment has as_openai_chat_tools(), as_claude_tools() and their like",
)
