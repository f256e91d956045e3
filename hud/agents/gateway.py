"""The original's clients of the hosted model gateway."""

from hud.errors import left_out

raise left_out(
    "hud.agents.gateway",
    "use the provider's own client with your key, or `hud eval --gateway`",
)
