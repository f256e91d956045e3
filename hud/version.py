"""The path under which published code looks for the version."""

from hud import __version__

__all__ = ["__version__"]
