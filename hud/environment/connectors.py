"""The original's mixins that connect."""

from hud.errors import left_out

raise left_out(
    "hud.environment.connectors",
    "connect by env.connect_url, connect_mcp, connect_image, connect_server",
)
