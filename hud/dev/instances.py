"""Running versions of an environment for the dev loop: each start gives an upstream for the gateway."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from hud.dev.gateway import HttpUpstream, Upstream
from hud.errors import EnvironmentFailure, LimitReached, StartFailure, error_from
from hud.runtime.server_process import ServerProcess
from hud.runtime.child import describe_status

STOP_SECONDS = 5.0
"""Seconds that an old version's shutdown hooks may take."""


@dataclass(frozen=True)
class Instance:
    """A version that is loaded and serves."""

    upstream: Upstream
    name: str
    """The environment's name."""
    summary: str
    """What it offers, in words."""


class Backend(Protocol):
    """Starts versions. Instances end when their upstream is closed."""

    async def start(self) -> Instance:
        """Start a version with the code as it is now.

        Raises:
            HudError: it could not be loaded; `detail` holds the author's traceback.
        """
        ...

    async def renew(self) -> None:
        """Forget what is kept between versions: libraries, an image. The next start takes them up again."""
        ...

    async def aclose(self) -> None:
        """End everything."""
        ...


class _Zygote:
    """A process that holds the libraries, and the versions that were forked from it."""

    def __init__(self) -> None:
        self.server = ServerProcess("hud.dev.zygote", self._receive, self._lose)
        self._exits: dict[int, asyncio.Event] = {}
        self._warmed: asyncio.Future[str | None] | None = None

    def warm(self, modules: list[str]) -> None:
        """Let it import these modules; whether forking is safe afterwards is known later."""
        self._warmed = asyncio.get_running_loop().create_future()
        self.server.order(op="warm", modules=modules)

    async def hazard(self) -> str | None:
        """Why forking from it is unsafe, once it has imported what it was told to."""
        return None if self._warmed is None else await self._warmed

    async def load(self, op: str, order: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Start a version and wait until it says what it loaded.

        Raises:
            HudError: what it says instead.
            LimitReached: it says nothing for `seconds`.
        """
        self._exits[order["id"]] = asyncio.Event()
        read_end, write_end = os.pipe()
        try:
            await self.server.order_with([write_end], op=op, **order)
        finally:
            os.close(write_end)
        line = await _first_line(read_end, seconds)
        if line is None:
            self.server.order(op="kill", id=order["id"])
            raise LimitReached(f"importing the environment took longer than {seconds:g} s")
        if not line:
            raise StartFailure("the environment's process ended while it was imported")
        event: dict[str, Any] = json.loads(line)
        if event["event"] == "failed":
            raise error_from(event["message"], event["data"])
        return event

    async def stop(self, number: int) -> None:
        """Let a forked version shut down; kill it if it does not."""
        exited = self._exits.get(number)
        if exited is None or self.server.ended.is_set():
            return
        self.server.order(op="kill", id=number, signal=int(signal.SIGTERM))
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await exited.wait()
        except TimeoutError:
            self.server.order(op="kill", id=number)

    def _receive(self, event: dict[str, Any]) -> None:
        match event["event"]:
            case "warmed" if self._warmed is not None and not self._warmed.done():
                self._warmed.set_result(event["unsafe"])
            case "exited" if event["id"] in self._exits:
                self._exits.pop(event["id"]).set()

    def _lose(self, status: int | None) -> None:
        if self._warmed is not None and not self._warmed.done():
            message = f"the process that holds the libraries ended {describe_status(status)}"
            self._warmed.set_exception(EnvironmentFailure(message))
        for exited in self._exits.values():
            exited.set()


class ForkedBackend:
    """Versions of an environment of this machine, forked from a zygote that has the libraries loaded.

    Where a library makes forking unsafe, each version gets a fresh interpreter; `hazard` says why.
    """

    def __init__(self, target: str | None, root: Path, *, load_seconds: float = 60.0) -> None:
        """`target` is `module[:attribute]`, or None to look for the environment in `root`."""
        self._target = target
        self._root = root
        self._load_seconds = load_seconds
        self._folder = tempfile.TemporaryDirectory(prefix="hud-dev-")
        self._numbers = itertools.count(1)
        self._zygote: _Zygote | None = None
        self._all: list[_Zygote] = []
        self._modules: list[str] = []
        self.hazard: str | None = None

    async def start(self) -> Instance:
        zygote = await self._ready_zygote()
        number = next(self._numbers)
        path = str(Path(self._folder.name) / f"{number}.sock")
        order = {"target": self._target, "root": str(self._root), "socket": path, "id": number}
        owns = self.hazard is not None
        try:
            loaded = await zygote.load("become" if owns else "serve", order, self._load_seconds)
        except BaseException:
            if owns:
                await self._end(zygote)
            raise
        if not owns:
            self._remember(zygote, loaded["modules"])

        async def stop() -> None:
            await (self._end(zygote) if owns else zygote.stop(number))

        upstream = HttpUpstream("http://localhost/mcp", socket_path=path, on_close=stop)
        return Instance(upstream, loaded["name"], _summary(loaded))

    async def _ready_zygote(self) -> _Zygote:
        """A process to start a version from: the one with the libraries, or a fresh one where forking is unsafe."""
        if self.hazard is None:
            if self._zygote is None or self._zygote.server.ended.is_set():
                self._zygote = await self._fresh_zygote()
                self._zygote.warm(self._modules)
            self.hazard = await self._zygote.hazard()
            if self.hazard is None:
                return self._zygote
        return await self._fresh_zygote()

    async def _fresh_zygote(self) -> _Zygote:
        zygote = _Zygote()
        await zygote.server.start()
        self._all.append(zygote)
        return zygote

    def _remember(self, zygote: _Zygote, modules: list[str]) -> None:
        """Let the zygote load, from now on, what this version had to load itself."""
        if modules:
            self._modules += modules
            zygote.warm(modules)

    async def _end(self, zygote: _Zygote) -> None:
        self._all.remove(zygote)
        await zygote.server.stop()

    async def renew(self) -> None:
        self._modules.clear()
        self.hazard = None
        self._zygote = None

    async def aclose(self) -> None:
        for zygote in list(self._all):
            await self._end(zygote)
        self._folder.cleanup()


async def _first_line(descriptor: int, seconds: float) -> bytes | None:
    """The line that a pipe delivers, empty if it ends without one, None after `seconds`. Closes the pipe."""
    reader = asyncio.StreamReader(limit=2**24)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", buffering=0)
    )
    try:
        async with asyncio.timeout(seconds):
            return await reader.readline()
    except TimeoutError:
        return None
    finally:
        transport.close()


def _summary(loaded: dict[str, Any]) -> str:
    tools, scenarios = loaded["tools"], loaded["scenarios"]
    counted = f"{tools} tool{'' if tools == 1 else 's'}"
    return f"{counted}, scenarios: {', '.join(scenarios)}" if scenarios else counted
