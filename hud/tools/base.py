"""The path under which published code imports tools and hubs.

`hud.tools.tool` owns the one, an environment the other.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hud.tools.tool import BaseTool as BaseTool

if TYPE_CHECKING:
    from hud.environment.hub import BaseHub as BaseHub

__all__ = ["BaseHub", "BaseTool"]


def __getattr__(name: str) -> Any:
    if name == "BaseHub":
        return importlib.import_module("hud.environment.hub").BaseHub
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
