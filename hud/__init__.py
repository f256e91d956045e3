"""hud-local: write, debug, serve and evaluate environments for AI agents, on your own machine."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hud.environment import Environment
    from hud.eval.context import EvalContext
    from hud.eval.manager import Evaluation
    from hud.eval.tracing import instrument, trace
    from hud.services.chat import Chat
    from hud.task import Task

    eval: Evaluation

__version__ = "0.1.0"

__all__ = [
    "Chat",
    "Environment",
    "EvalContext",
    "Task",
    "__version__",
    "eval",
    "instrument",
    "trace",
]

_HOMES = {
    "Chat": "hud.services.chat",
    "Environment": "hud.environment",
    "EvalContext": "hud.eval.context",
    "Task": "hud.task",
    "instrument": "hud.eval.tracing",
    "trace": "hud.eval.tracing",
}


def __getattr__(name: str) -> Any:
    if name == "eval":
        return import_module("hud.eval")
    if name not in _HOMES:
        raise AttributeError(f"module 'hud' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
