"""The original's skills."""

from hud.errors import left_out

raise left_out("hud.native.skills", "offer what an agent may read by @env.resource or @env.prompt")
