"""What moves mouse and keyboard for the computer tools."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hud.tools.left_out import left_out

if TYPE_CHECKING:
    from hud.tools.executors.simulated import BaseExecutor
    from hud.tools.executors.xdo import XDOExecutor

__all__ = ["BaseExecutor", "XDOExecutor"]

HOMES = {"BaseExecutor": "simulated", "XDOExecutor": "xdo"}


def __getattr__(name: str) -> Any:
    if name == "PyAutoGUIExecutor":
        raise left_out("hud.tools.executors.PyAutoGUIExecutor", "use XDOExecutor on an X display")
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{HOMES[name]}"), name)
