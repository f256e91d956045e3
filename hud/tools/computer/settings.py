"""The path under which published code reads the sizes of displays."""

from hud.tools.executors.settings import ComputerSettings, computer_settings

__all__ = ["ComputerSettings", "computer_settings"]
