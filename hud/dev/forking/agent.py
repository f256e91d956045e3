"""Inside a container: starts versions of the environment as the dev session on the host asks for.

Orders come on standard input, one JSON object a line: `start` and `end`. Events go back on standard
output, each line marked, because other programs of the image may print there as well. The end of
the input ends everything.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from hud.dev.forking.launch import Launched, starting_with
from hud.dev.forking.versions import Version, Versions
from hud.dev.streams import claimed_streams, read_lines
from hud.errors import HudError, error_data

MARK = b"\x1ehud-dev "
"""What the lines begin with that are for the host."""


def run(target: str | None, launched: Launched | None, *, plays: bool) -> int:
    """Obey until the host closes our standard input; returns the exit status."""
    with claimed_streams() as (source, sink):
        starts = starting_with(launched)
        versions = Versions(
            target, Path.cwd(), log=_log, launch=starts, plays=plays, listens_on_tcp=True
        )
        asyncio.run(Agent(versions, sink).serve(source))
    return 0


class Agent:
    """Versions by the number that the host knows them by."""

    def __init__(self, versions: Versions, sink: int) -> None:
        self._versions = versions
        self._sink = sink
        self._running: dict[int, Version] = {}
        self._starting: dict[int, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()

    async def serve(self, source: int) -> None:
        """Work off orders until they end, or this process is told to."""
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        self._tell(event="hello")
        with contextlib.suppress(asyncio.CancelledError):
            async for line in read_lines(source):
                self._obey(json.loads(line))
        for version in list(self._running.values()):
            await self._versions.end(version)
        await self._versions.aclose()

    def _obey(self, order: dict[str, Any]) -> None:
        number = order["id"]
        if order["op"] == "start":
            starting = asyncio.create_task(self._start(number, afresh=order["afresh"]))
            self._starting[number] = starting
            starting.add_done_callback(lambda _: self._starting.pop(number))
        elif (version := self._running.get(number)) is not None:
            ending = asyncio.create_task(self._versions.end(version))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
        elif (loading := self._starting.get(number)) is not None:
            loading.cancel()

    async def _start(self, number: int, *, afresh: bool) -> None:
        try:
            version = await self._versions.start(afresh=afresh)
        except HudError as exc:
            self._tell(event="failed", id=number, message=exc.message, data=error_data(exc))
            return
        self._running[number] = version
        self._tell(event="started", id=number, port=version.port, name=version.name)
        await version.ended.wait()
        del self._running[number]
        self._tell(event="ended", id=number, obituary=version.obituary())

    def _tell(self, **event: Any) -> None:
        os.write(self._sink, MARK + json.dumps(event).encode() + b"\n")


def _log(line: str) -> None:
    sys.stderr.write(f"{line}\n")
