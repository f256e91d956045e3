"""The original's exceptions and its client of the hosted service."""

from hud.errors import left_out

raise left_out("hud.shared", "errors are in `hud.errors`: HudError and its children")
