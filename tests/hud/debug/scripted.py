"""A target whose servers do what they are told, and words for telling them."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hud.debug.targets.process import ServerProcess, server_process
from hud.debug.targets.target import TargetKind
from tests.hud.debug import scripted_server
from tests.hud.debug.scripted_server import Script

READS = {"readOnlyHint": True}
EMPTY = {"type": "object", "properties": {}}


def tool(name: str, **fields: Any) -> dict[str, Any]:
    """A tool's definition; without arguments unless `inputSchema` says otherwise."""
    return {"name": name, "description": "Do it.", "inputSchema": EMPTY, **fields}


def scenario(name: str, arguments: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """A scenario's definition, its arguments typed as published environments do it."""
    return {"name": f"shop:{name}", "description": "Play.", "_meta": {"arguments": arguments or []}}


class ScriptTarget:
    """A target whose servers follow a script."""

    name = "scripted"
    kind: TargetKind = "module"
    found = "Script is there"
    not_found = "Script is gone"

    def __init__(self, script: Script) -> None:
        self._command = [sys.executable, scripted_server.__file__, json.dumps(asdict(script))]
        self._left: list[str] = []

    async def check(self) -> tuple[str, ...]:
        return ()

    @asynccontextmanager
    async def start(self) -> AsyncIterator[ServerProcess]:
        async with server_process(self._command, Path(__file__).parent, self._left) as server:
            yield server

    async def leftovers(self) -> list[str]:
        return list(self._left)
