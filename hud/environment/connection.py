"""The original's connections."""

from hud.errors import left_out

raise left_out(
    "hud.environment.connection",
    "connect by env.connect_url, connect_mcp, connect_image, connect_server",
)
