"""The original's ready-made chat environment."""

from hud.errors import left_out

raise left_out("hud.native.chat", "declare one: @env.scenario(chat=True), then env.chat(...)")
