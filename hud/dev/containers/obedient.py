"""A container that holds our SDK: versions of the environment are started and ended inside of it.

The conversation is `hud.dev.forking.agent`'s: orders on its standard input, events on its output.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator
from typing import Any

import anyio

from hud.containers import Container, Stdio
from hud.dev.backend import Instance, LineSink
from hud.dev.containers.keeping import Book, KeptVersion
from hud.dev.containers.logs import follow
from hud.dev.containers.mounts import Mounts
from hud.dev.gateway import HttpUpstream
from hud.errors import DockerFailure, StartFailure, error_from

MARK = b"\x1ehud-dev "
"""What the lines begin with that are for us."""
HELLO_SECONDS = 15.0
"""How long a container may take until its agent says hello."""
END_SECONDS = 5.0


class Disobedient(Exception):
    """The container has no agent; `reason` says how that showed."""


class ObedientContainer:
    """One container, the versions in it, and how it ends: when it was retired and none is left."""

    def __init__(self, container: Container, mounts: Mounts, log: LineSink, book: Book) -> None:
        """`book` may tell of versions that run in it."""
        self.ended = asyncio.Event()
        self._container = container
        self._mounts = mounts
        self._log = log
        self._stdio: Stdio | None = None
        self._book = book
        self._numbers = itertools.count(book.known.last + 1)
        self._versions: dict[int, ContainedVersion] = {}
        self._hello = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._is_retired = False

    async def start(self) -> None:
        """Start the container, and wait until its agent answers.

        Raises:
            Disobedient: it has none.
            DockerFailure: it cannot be started.
        """
        await self._attach()
        await self._container.start()
        hello, ended = (asyncio.create_task(e.wait()) for e in (self._hello, self.ended))
        await asyncio.wait(
            {hello, ended}, timeout=HELLO_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        hello.cancel()
        ended.cancel()
        if not self._hello.is_set():
            raise Disobedient(await self._cause() if self.ended.is_set() else "it stays silent")

    async def resume(self) -> Instance:
        """Go on with what runs in it. A version whose files are as they were when it was loaded
        goes on itself, others are replaced.

        Raises:
            HudError: it cannot be reached, or its version not be replaced.
            OSError: what is mounted in it is gone.
        """
        await self._attach()
        known = self._book.known
        current = await asyncio.to_thread(self._mounts.digest)
        is_same = known.version is not None and known.version.files == current
        kept = known.version.number if is_same and known.version is not None else None
        for number in list(known.begun):
            if number != kept:
                await self._order(op="end", id=number)
                self._book.end(number)
        if known.version is None or kept not in known.begun:
            return await self.start_version(afresh=False)
        if not await asyncio.to_thread(self._mounts.refresh):
            raise StartFailure("a watched folder was replaced by another one")
        version = self._versions[known.version.number] = ContainedVersion()
        version.set_started({})
        return await self._instance(known.version)

    async def start_version(self, *, afresh: bool) -> Instance:
        """Start a version with the files as they are now.

        Raises:
            StartFailure: the container cannot see the files, or is gone.
            HudError: the version could not be loaded; `detail` holds the author's traceback.
        """
        if not await asyncio.to_thread(self._mounts.refresh):
            raise StartFailure("a watched folder was replaced by another one")
        number = next(self._numbers)
        version = self._versions[number] = ContainedVersion()
        files = await asyncio.to_thread(self._mounts.digest)
        self._book.begin(number)
        try:
            await self._order(op="start", id=number, afresh=afresh)
            started = await version.started
        except BaseException:
            self._versions.pop(number, None)
            with contextlib.suppress(StartFailure):
                await self._order(op="end", id=number)
            self._book.end(number)
            raise
        loaded = KeptVersion(number=number, port=started["port"], name=started["name"], files=files)
        self._book.loaded(loaded)
        return await self._instance(loaded)

    async def _instance(self, loaded: KeptVersion) -> Instance:
        version = self._versions[loaded.number]

        async def end() -> None:
            await self._end(loaded.number)

        host, port = await self._container.address(loaded.port)
        upstream = HttpUpstream(f"http://{host}:{port}/mcp", on_close=end)
        upstream.name = f"environment `{loaded.name}`"
        identity = f"{self._container.id}/{loaded.number}"
        return Instance(upstream, version.ended, version.obituary, identity=identity)

    async def _attach(self) -> None:
        self._stdio = await self._container.attach()
        self._tasks = [
            asyncio.create_task(self._read(self._stdio)),
            asyncio.create_task(follow(self._stdio.stderr, self._log)),
        ]

    async def retire(self) -> None:
        """Start no more versions; the container goes with the last one."""
        self._is_retired = True
        await self._close_if_unused()

    async def close(self) -> None:
        """Remove the container, whatever runs in it."""
        self._versions.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._container.remove()
        self._book.close()
        self._mounts.remove()

    async def _end(self, number: int) -> None:
        version = self._versions.get(number)
        if version is not None:
            with contextlib.suppress(StartFailure, TimeoutError):
                async with asyncio.timeout(END_SECONDS):
                    await self._order(op="end", id=number)
                    await version.ended.wait()
            self._versions.pop(number, None)
            self._book.end(number)
        await self._close_if_unused()

    async def _close_if_unused(self) -> None:
        if self._is_retired and not self._versions:
            await self.close()

    async def _order(self, **order: Any) -> None:
        assert self._stdio is not None
        try:
            await self._stdio.send(json.dumps(order).encode() + b"\n")
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError) as exc:
            raise StartFailure(await self._cause()) from exc

    async def _read(self, stdio: Stdio) -> None:
        async for line in lines_of(stdio):
            if MARK in line:
                self._heed(json.loads(line.partition(MARK)[2]))
            elif line.strip():
                self._log(line.decode(errors="replace"))
        self.ended.set()
        cause = await self._cause()
        for version in self._versions.values():
            version.bury(cause)

    def _heed(self, event: dict[str, Any]) -> None:
        version = self._versions.get(event.get("id", 0))
        if event["event"] == "hello":
            self._hello.set()
        elif version is None:
            return
        elif event["event"] == "started":
            version.set_started(event)
        elif event["event"] == "failed":
            version.fail(event)
        else:
            self._book.end(event["id"])
            version.bury(event["obituary"])

    async def _cause(self) -> str:
        try:
            state = await self._container.state()
        except DockerFailure as exc:
            return exc.message
        return f"the container {state.cause()}"


class ContainedVersion:
    """What is known of one version."""

    def __init__(self) -> None:
        self.started: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self.ended = asyncio.Event()
        self._obituary = ""

    def set_started(self, event: dict[str, Any]) -> None:
        """Note where it listens."""
        if not self.started.done():
            self.started.set_result(event)

    def fail(self, event: dict[str, Any]) -> None:
        """Note why it could not be loaded."""
        if not self.started.done():
            self.started.set_exception(error_from(event["message"], event["data"]))

    def bury(self, obituary: str) -> None:
        """Note that it ended."""
        self._obituary = obituary
        self.ended.set()
        if not self.started.done():
            self.started.set_exception(StartFailure(obituary))

    def obituary(self) -> str:
        """How it ended."""
        return self._obituary


async def lines_of(stdio: Stdio) -> AsyncIterator[bytes]:
    """The lines that a container prints, until it ends."""
    pending = b""
    with contextlib.suppress(
        anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError
    ):
        while True:
            *lines, pending = (pending + await stdio.receive()).split(b"\n")
            for line in lines:
                yield line
