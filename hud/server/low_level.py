"""The original's server below the environment."""

from hud.errors import left_out

raise left_out(
    "hud.server.low_level",
    "an environment serves itself: env.run(), env.http_app(), @env.initialize",
)
