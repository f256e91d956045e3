"""The door to agent frameworks, which are heavy and optional: adapters load when asked for."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable
from typing import Any

from hud.errors import UserError
from hud.types import MCPToolCall, MCPToolResult

Caller = Callable[[MCPToolCall], Awaitable[MCPToolResult]]
"""Runs a tool; a failure is a result with `is_error`, not an exception."""

FRAMEWORKS = {
    "adk": ("google.adk", "google-adk"),
    "anthropic_runner": ("anthropic", "anthropic"),
    "langchain": ("langchain_core", "langchain-core"),
    "llamaindex": ("llama_index.core", "llama-index-core"),
    "openai_agents": ("agents", "openai-agents"),
}
"""Adapter → the module that its framework is imported as, and the package that holds it."""


def adapter(framework: str) -> Any:
    """The module `hud.formats.frameworks.<framework>`.

    Raises:
        UserError: the framework is not installed, or something else is under its name.
    """
    module, package = FRAMEWORKS[framework]
    try:
        return importlib.import_module(f"hud.formats.frameworks.{framework}")
    except ImportError as exc:
        if not _is_of(exc.name, module):
            raise
        missing = isinstance(exc, ModuleNotFoundError)
        what = "is not installed" if missing else f"cannot be used ({exc})"
        raise UserError(f"the package `{package}` {what}", hint=f"pip install '{package}'") from exc


def _is_of(imported: str | None, module: str) -> bool:
    """Whether what could not be imported is the framework, a package above it, or a part of it."""
    name = imported or ""
    return module == name or module.startswith(f"{name}.") or name.startswith(f"{module}.")
