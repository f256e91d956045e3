"""Versions of an environment of this machine, forked from a process that has the libraries loaded.

Where a library makes forking unsafe, each version gets a fresh interpreter, of which one is kept in
reserve.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hud.dev.forking.launch import Launch, Launched, launch
from hud.errors import EnvironmentFailure, LimitReached, StartFailure, error_from
from hud.runtime.exits import describe_status
from hud.runtime.server_process import ServerProcess

STOP_SECONDS = 3.0
"""Seconds that an old version's shutdown hooks may take."""
LOAD_SECONDS = 60.0
"""Seconds that importing and initializing a version may take."""
LONGEST_STATUS = 2**24
CAN_FORK = sys.platform == "linux"


@dataclass
class Libraries:
    """What a version imported that is not the author's, and what the author set before it did."""

    modules: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)


class ZygoteProcess(ServerProcess):
    """A zygote seen from the process that gives it orders."""

    def __init__(self, launched: Launched) -> None:
        super().__init__("hud.dev.forking.zygote", self._receive, self._bury_all)
        self._launched = launched
        self._versions: dict[int, Version] = {}
        self._warmed: asyncio.Future[str | None] | None = None

    async def start(self) -> None:
        """Take over the process that was launched."""
        self._process, self._control = self._launched.process, self._launched.control
        connection = self._launched.control.dup()
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self._protocol, sock=connection)

    def warm(self, libraries: Libraries) -> None:
        """Let it import these libraries; whether forking is safe afterwards is known later."""
        self._warmed = asyncio.get_running_loop().create_future()
        self.order(op="warm", modules=libraries.modules, variables=libraries.variables)

    @property
    def is_warm(self) -> bool:
        """Whether it was told to import anything, or to rehearse."""
        return self._warmed is not None

    async def hazard(self) -> str | None:
        """Why forking from it is unsafe, once it has imported what it was told to."""
        return None if self._warmed is None else await self._warmed

    async def load(
        self, version: Version, order: dict[str, Any], seconds: float, client: int | None = None
    ) -> dict[str, Any]:
        """Start a version and wait until it says what it loaded. `client` is the descriptor of the
        socket that it speaks over with its only client.

        Raises:
            HudError: what it says instead.
            LimitReached: it says nothing for `seconds`.
        """
        self._versions[version.number] = version
        read_end, write_end = os.pipe()
        try:
            given = [write_end] if client is None else [write_end, client]
            await self.order_with(given, **order)
        finally:
            os.close(write_end)
        line = await _first_line(read_end, seconds)
        if line is None:
            raise LimitReached(f"importing the environment took longer than {seconds:g} s")
        if not line:
            await _soon(version.ended)
            raise StartFailure(f"{version.obituary()} while it was imported")
        event: dict[str, Any] = json.loads(line)
        if event["event"] == "failed":
            raise error_from(event["message"], event["data"])
        return event

    async def end(self, version: Version) -> None:
        """Let a forked version shut down; kill it if it does not."""
        if version.ended.is_set() or self.ended.is_set():
            return
        self.order(op="kill", id=version.number, signal=int(signal.SIGTERM))
        if not await _soon(version.ended):
            self.kill_version(version)

    async def end_itself(self) -> None:
        """Let the version shut down that this process has become; `stop` ends it if it does not."""
        if self._process is not None and not self.ended.is_set():
            self._process.terminate()
            await _soon(self.ended)

    def kill_version(self, version: Version) -> None:
        """Kill a version at once."""
        if not self.ended.is_set():
            self.order(op="kill", id=version.number)

    def _receive(self, event: dict[str, Any]) -> None:
        match event["event"]:
            case "warmed" if self._warmed is not None and not self._warmed.done():
                self._warmed.set_result(event["unsafe"])
            case "exited" if event["id"] in self._versions:
                self._versions.pop(event["id"]).bury(event["status"])

    def _bury_all(self, status: int | None) -> None:
        if self._warmed is not None and not self._warmed.done():
            message = f"the process that holds the libraries {describe_status(status)}"
            self._warmed.set_exception(EnvironmentFailure(message))
            self._warmed.exception()  # it may be that nobody asks
        for version in self._versions.values():
            version.bury(status)


class Version:
    """One process of a version, and how it ended."""

    def __init__(self, number: int, zygote: ZygoteProcess, path: str, *, owns: bool) -> None:
        self.number = number
        self.zygote = zygote
        self.owns_zygote = owns
        """Whether the zygote has become this version."""
        self.path = path
        """Of the unix socket that it listens on, if `port` is 0."""
        self.port = 0
        self.name = ""
        """The environment's name."""
        self.ended = asyncio.Event()
        self._status: int | None = None

    def bury(self, status: int | None) -> None:
        """Note that it ended."""
        self._status = status
        self.ended.set()

    def obituary(self) -> str:
        """How it ended."""
        return f"the environment's process {describe_status(self._status)}"


class Versions:
    """Starts versions of the environment in a folder, and ends them."""

    def __init__(
        self,
        target: str | None,
        root: Path,
        *,
        log: Callable[[str], None],
        launch: Launch = launch,
        plays: bool = True,
        listens_on_tcp: bool = False,
    ) -> None:
        """`target` is `module[:attribute]`, or None to look for the environment in `root`.

        `log` is told what slows reloads down. `launch` starts zygotes.
        `plays` adds the tools that play scenarios. Versions listen on unix sockets, or on TCP ports
        of all interfaces.
        """
        self._order = {"target": target, "root": str(root), "plays": plays}
        self._log = log
        self._listens_on_tcp = listens_on_tcp
        self._folder = tempfile.TemporaryDirectory(prefix="hud-dev-")
        self._numbers = itertools.count(1)
        self._zygote: ZygoteProcess | None = None
        self._launch = launch
        self._reserve: ZygoteProcess | None = None
        self._all: list[ZygoteProcess] = []
        self._libraries = Libraries()
        self.hazard: str | None = None if CAN_FORK else "this platform cannot fork safely"
        """Why versions are not forked."""

    def let_in(self, user: int) -> None:
        """Let versions listen that run as another user."""
        os.chown(self._folder.name, user, -1)

    async def start(self, *, afresh: bool, client: socket.socket | None = None) -> Version:
        """Start a version with the code as it is now; `afresh` loads the libraries again, too. With
        a `client`, it does not listen, but speaks over that socket.

        Raises:
            HudError: it could not be loaded; `detail` holds the author's traceback.
        """
        if afresh:
            self._libraries, self._zygote = Libraries(), None
            self.hazard = None if CAN_FORK else self.hazard
        zygote = await self._ready_zygote()
        number = next(self._numbers)
        owns = self.hazard is not None
        path = str(Path(self._folder.name) / f"{number}.sock")
        version = Version(number, zygote, path, owns=owns)
        order = {
            **self._order,
            "op": "become" if owns else "serve",
            "id": number,
            "listen": 0 if self._listens_on_tcp else path,
        }
        if client is not None:
            order["listen"] = None
        descriptor = client.fileno() if client is not None else None
        try:
            loaded = await zygote.load(version, order, LOAD_SECONDS, descriptor)
        except BaseException:
            zygote.kill_version(version)
            if owns:
                await self._end(zygote)
            raise
        version.name, version.port = loaded["name"], loaded["port"]
        self._learn(zygote, Libraries(loaded["modules"], loaded["variables"]), owns=owns)
        return version

    async def end(self, version: Version) -> None:
        """Let a version shut down; end it if it does not."""
        zygote = version.zygote
        await (zygote.end_itself() if version.owns_zygote else zygote.end(version))
        if zygote is not self._zygote:
            await self._end(zygote)

    def _learn(self, zygote: ZygoteProcess, found: Libraries, *, owns: bool) -> None:
        """Prepare for the next version, which probably needs the same libraries."""
        if not owns and (found.modules or not zygote.is_warm):
            self._libraries.modules += found.modules
            self._libraries.variables |= found.variables
            zygote.warm(found)
        elif owns:
            self._reserve = ZygoteProcess(self._launch())
            if CAN_FORK and set(found.modules) != set(self._libraries.modules):
                self._libraries, self.hazard = found, None

    async def _ready_zygote(self) -> ZygoteProcess:
        """The process to start from: the one with the libraries, or a fresh one where forking is
        unsafe.
        """
        if self.hazard is None:
            if self._zygote is None or self._zygote.ended.is_set():
                self._zygote = await self._fresh_zygote()
                if self._libraries.modules:
                    self._zygote.warm(self._libraries)
            self.hazard = await self._zygote.hazard()
            if self.hazard is None:
                return self._zygote
            self._zygote = None  # it ends with the version that was forked from it
            self._log(f"{self.hazard}, so that each version needs a fresh interpreter")
        return await self._fresh_zygote()

    async def _fresh_zygote(self) -> ZygoteProcess:
        zygote, self._reserve = self._reserve or ZygoteProcess(self._launch()), None
        await zygote.start()
        self._all.append(zygote)
        return zygote

    async def _end(self, zygote: ZygoteProcess) -> None:
        if zygote in self._all:
            self._all.remove(zygote)
            await zygote.stop()

    async def aclose(self) -> None:
        """End everything."""
        if self._reserve is not None:
            await self._fresh_zygote()
        for zygote in list(self._all):
            await self._end(zygote)
        self._folder.cleanup()


async def _soon(event: asyncio.Event) -> bool:
    """Whether it happens within the time that a version has to shut down."""
    try:
        async with asyncio.timeout(STOP_SECONDS):
            return await event.wait()
    except TimeoutError:
        return False


async def _first_line(descriptor: int, seconds: float) -> bytes | None:
    """The line that a pipe delivers, empty if it ends without one, None after `seconds`. Closes the
    pipe.
    """
    reader = asyncio.StreamReader(limit=LONGEST_STATUS)
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
