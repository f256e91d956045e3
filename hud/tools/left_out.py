"""Where tools find the error for what published code may ask for and they do not have."""

from hud.errors import LeftOut, left_out

__all__ = ["LeftOut", "left_out"]
