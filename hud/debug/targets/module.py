"""A module of this machine: each server is a process that imports it and serves its environment
over stdio.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio

import hud
from hud.debug.evidence import Kind
from hud.debug.targets.process import ServerProcess, server_process
from hud.debug.targets.target import CheckFailure, TargetKind

IMPORT_SECONDS = 60.0
SDK = str(Path(hud.__file__).parents[1])
"""Where the child finds the SDK if it is not installed."""

IMPORT = """
import json, os, sys
sys.path.append(sys.argv[2])
from hud.environment.modules import find_environment
from hud.runtime.privileges import die_with_parent, step_down
from hud.environment.server import claimed_streams
from hud.errors import HudError, error_data
step_down()
die_with_parent(int(sys.argv[3]))
with claimed_streams() as (_, sink):
    try:
        answer = {"name": find_environment(sys.argv[1] or None).name}
    except HudError as exc:
        answer = {"error": exc.message, **error_data(exc)}
    os.write(sink, json.dumps(answer).encode())
"""
"""Says on stdout which environment a module holds, or why it holds none."""

SERVE = """
import asyncio, sys
sys.path.append(sys.argv[2])
from hud.environment.modules import find_environment
from hud.runtime.privileges import die_with_parent, step_down
from hud.environment.server import claimed_streams, serve
step_down()
die_with_parent(int(sys.argv[3]))
with claimed_streams() as streams:
    asyncio.run(serve(find_environment(sys.argv[1] or None), streams=streams))
"""
"""Serves it; what it prints while it is imported stays off the protocol's stream."""


class ModuleTarget:
    """`module`, `module:attribute` or a file, as seen from a folder; empty for the environment of
    that folder.
    """

    kind: TargetKind = "module"
    found = "Module imports"
    not_found = "Module import failed"

    def __init__(
        self, module: str, folder: Path, variables: Mapping[str, str] | None = None
    ) -> None:
        """`variables` are what its processes' environment holds; None: what this process's does."""
        self.name = module or str(folder)
        self._variables = variables
        self._module = module
        self._folder = folder
        self._left: list[str] = []

    async def check(self) -> tuple[str, ...]:
        answer, stderr = await self._import()
        if "name" in answer:
            return (f"environment `{answer['name']}`",)
        if "error" not in answer:
            last = next(iter(stderr.strip().splitlines()[-1:]), "it ended without a word")
            raise CheckFailure(
                f"`{self.name}` cannot be imported: {last}", kind=Kind.IMPORT, detail=stderr
            )
        hint = f" ({answer['hint']})" if answer.get("hint") else ""
        kind = Kind.IMPORT if answer.get("detail") else Kind.NO_ENVIRONMENT
        told = f"{answer['error']}{hint}"
        raise CheckFailure(told, kind=kind, detail=answer.get("detail"))

    async def _import(self) -> tuple[dict[str, str], str]:
        process = await asyncio.create_subprocess_exec(
            *self._command(IMPORT),
            cwd=self._folder,
            env=self._variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(IMPORT_SECONDS):
                stdout, stderr = await process.communicate()
        except TimeoutError:
            told = f"importing `{self.name}` takes more than {IMPORT_SECONDS:g} s"
            raise CheckFailure(told, kind=Kind.IMPORT) from None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            with anyio.CancelScope(shield=True):
                await process.wait()
        answer: dict[str, str] = json.loads(stdout) if stdout.startswith(b"{") else {}
        return answer, stderr.decode(errors="replace")

    def _command(self, script: str) -> list[str]:
        return [sys.executable, "-c", script, self._module, SDK, str(os.getpid())]

    @asynccontextmanager
    async def start(self) -> AsyncIterator[ServerProcess]:
        started = server_process(
            self._command(SERVE), self._folder, self._left, variables=self._variables
        )
        async with started as server:
            yield server

    async def leftovers(self) -> list[str]:
        return list(self._left)
