"""The original's own tools, which no environment needs."""

from hud.errors import left_out

raise left_out("hud.utils", "use print or logging in place of `hud_console`; hud itself has none")
