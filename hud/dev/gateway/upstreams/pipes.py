"""Lines of JSON to and from MCP servers: programs, given streams, one pipe for several sessions."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import anyio

from hud.dev.gateway.protocol import messages
from hud.dev.gateway.protocol.messages import JsonObject, Message, RequestId
from hud.dev.gateway.upstreams.upstream import NotDelivered
from hud.errors import describe

LONGEST_LINE = 128 * 1024 * 1024
STOP_SECONDS = 1.5

LineSink = Callable[[str], None]


class Pipe(Protocol):
    """Lines of JSON to and from one MCP server."""

    async def write(self, line: bytes) -> None:
        """Send one message, without its line end.

        Raises:
            OSError: the other side is gone.
        """

    async def read(self) -> bytes:
        """The next message, empty when the other side is gone."""

    async def aclose(self) -> None:
        """End it, and what is behind it."""


OpenPipe = Callable[[], Awaitable[Pipe]]


class StreamPipe:
    """A pipe over two byte streams; `on_close` ends what is behind them."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        on_close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._on_close = on_close

    async def write(self, line: bytes) -> None:
        """Send one message, without its line end."""
        self._writer.write(line + b"\n")
        await self._writer.drain()

    async def read(self) -> bytes:
        """The next message, empty when the other side is gone."""
        while True:
            try:
                line = await self._reader.readline()
            except (ValueError, OSError):
                return b""
            if not line or line.strip():
                return line

    async def aclose(self) -> None:
        """Close the streams, and what is behind them."""
        self._writer.close()
        if self._on_close is not None:
            await self._on_close()


def command(
    argv: Sequence[str],
    *,
    env: dict[str, str] | None = None,
    cwd: str | None = None,
    log: LineSink | None = None,
) -> OpenPipe:
    """Start the program anew for each pipe. `log` gets the lines of its standard error."""

    async def start() -> Pipe:
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=env,
                cwd=cwd,
                limit=LONGEST_LINE,
                start_new_session=True,
            )
        except OSError as exc:
            raise NotDelivered(f"cannot start `{argv[0]}`: {describe(exc)}") from exc
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        logging = asyncio.create_task(_log(process.stderr, log))
        return StreamPipe(process.stdout, process.stdin, lambda: _stop(process, logging))

    return start


async def _log(reader: asyncio.StreamReader, log: LineSink | None) -> None:
    while line := await reader.readline():
        if log is not None:
            log(line.decode(errors="replace").rstrip())


async def _stop(process: asyncio.subprocess.Process, logging: asyncio.Task[None]) -> None:
    """Let the program end by itself, for its input has ended; then make it, and all it started."""
    with anyio.CancelScope(shield=True):
        for number in (None, signal.SIGTERM, signal.SIGKILL):
            if number is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
            with anyio.move_on_after(STOP_SECONDS):
                await process.wait()
                break
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        logging.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await logging


@dataclass(frozen=True)
class _Forwarded:
    """A request that was passed on: whose it is, and what the sender calls it."""

    share: _Share
    id: RequestId
    token: RequestId | None


class SharedPipe:
    """One pipe for several sessions of one server, which takes them for a single client.

    Ids are made unique on the pipe. The first client's introduction counts for all; what the server
    says of its own accord goes to whoever has a request under way, and news of lists to everybody.
    """

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._shares: list[_Share] = []
        self._forwarded: dict[int, _Forwarded] = {}
        self._last_id = 0
        self._hello: JsonObject | None = None
        self._introducing = anyio.Lock()
        self._greeted = anyio.Event()
        self._was_initialized = False
        self._is_over = False
        self._reading: asyncio.Task[None] | None = None

    async def open(self) -> Pipe:
        """A pipe for one more session.

        Raises:
            NotDelivered: the other side is gone.
        """
        if self._is_over:
            raise NotDelivered("the program on the pipe has ended")
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
        share = _Share(self)
        self._shares.append(share)
        return share

    async def aclose(self) -> None:
        """End the pipe and all sessions on it."""
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading
        self._end()
        await self._pipe.aclose()

    def leave(self, share: _Share) -> None:
        """A session is over."""
        self._shares = [other for other in self._shares if other is not share]
        self._forwarded = {
            number: entry for number, entry in self._forwarded.items() if entry.share is not share
        }

    async def forward(self, share: _Share, message: Message) -> None:
        """Pass a session's message on."""
        if message.method == "initialize":
            await self._introduce(share, message)
        elif message.kind == "request":
            await self._pipe.write(messages.dump(self._renamed(share, message)))
        elif message.method == "notifications/cancelled":
            await self._cancel(share, message)
        elif message.method != "notifications/initialized":
            await self._pipe.write(message.body)
        elif not self._was_initialized:
            self._was_initialized = True
            await self._pipe.write(message.body)

    async def _introduce(self, share: _Share, message: Message) -> None:
        async with self._introducing:
            if self._hello is None:
                await self._pipe.write(messages.dump(self._renamed(share, message)))
                await self._greeted.wait()
                return
        share.put({**self._hello, "id": message.id})

    def _renamed(self, share: _Share, message: Message) -> JsonObject:
        assert message.id is not None
        self._last_id += 1
        number = self._last_id
        self._forwarded[number] = _Forwarded(share, message.id, message.progress_token)
        content = {**message.content, "id": number}
        if message.progress_token is not None:
            meta = {**message.params["_meta"], "progressToken": number}
            content["params"] = {**message.params, "_meta": meta}
        return content

    async def _cancel(self, share: _Share, message: Message) -> None:
        wanted = message.params.get("requestId")
        for number, entry in self._forwarded.items():
            if entry.share is share and entry.id == wanted:
                params = {**message.params, "requestId": number}
                await self._pipe.write(messages.notification(message.method, params))
                return

    async def _read(self) -> None:
        while line := await self._pipe.read():
            with contextlib.suppress(messages.MalformedMessage):
                self._dispatch(messages.read_message(line))
        self._end()

    def _dispatch(self, message: Message) -> None:
        if message.kind == "response":
            self._return(message)
        elif message.method == "notifications/progress":
            entry = self._entry(message.params.get("progressToken"))
            if entry is not None:
                params = {**message.params, "progressToken": entry.token}
                entry.share.put({**message.content, "params": params})
        elif message.method.endswith("/list_changed"):
            for share in self._shares:
                share.put(message.content)
        elif (busy := self._busy()) is not None:
            busy.put(message.content)

    def _return(self, message: Message) -> None:
        entry = self._entry(message.id)
        if entry is None:
            return
        del self._forwarded[int(message.id or 0)]
        if self._hello is None:
            self._hello = message.content if "result" in message.content else None
            self._greeted.set()
            self._greeted = anyio.Event()
        entry.share.put({**message.content, "id": entry.id})

    def _entry(self, number: Any) -> _Forwarded | None:
        return self._forwarded.get(number) if isinstance(number, int) else None

    def _busy(self) -> _Share | None:
        """The session with the latest request under way, else the first one."""
        latest = next(reversed(self._forwarded.values()), None)
        if latest is not None:
            return latest.share
        return self._shares[0] if self._shares else None

    def _end(self) -> None:
        self._is_over = True
        self._greeted.set()
        for share in self._shares:
            share.put(None)


class _Share:
    """One session's part of a shared pipe."""

    def __init__(self, shared: SharedPipe) -> None:
        self._shared = shared
        self._lines: asyncio.Queue[bytes] = asyncio.Queue()

    def put(self, content: JsonObject | None) -> None:
        """Let the session read a message; None says that no more will come."""
        self._lines.put_nowait(b"" if content is None else messages.dump(content))

    async def write(self, line: bytes) -> None:
        """Send one message."""
        await self._shared.forward(self, messages.read_message(line))

    async def read(self) -> bytes:
        """The next message, empty when the other side is gone."""
        return await self._lines.get()

    async def aclose(self) -> None:
        """Leave the pipe to the others."""
        self._shared.leave(self)
