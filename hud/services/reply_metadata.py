"""The original's metadata of A2A replies."""

from hud.errors import left_out

raise left_out("hud.services.reply_metadata", "serve a chat by `Chat(...).serve()`")
