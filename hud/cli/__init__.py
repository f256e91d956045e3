"""The `hud` command: one file a command, loaded when it is called."""

from hud.cli.main import main

__all__ = ["main"]
