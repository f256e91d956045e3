"""The byte stream of an attached container, straight from the engine's socket.

`attach` and `exec` turn an HTTP request into a raw connection on which stdin goes one way and
framed stdout and stderr the other. We open that connection ourselves. The engine's Python package
reads the answer through a buffer that can swallow the first frames, and blocks a thread for each
direction; `docker start -ai` costs a process and some 25 MB for each container. Here a container
costs one socket, 10 MB go through in well under a second, and back-pressure is the socket's own.
Engines behind TLS or SSH are reached through `docker system dial-stdio`, which speaks the same
bytes.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import anyio
from anyio.abc import ByteStream, Process
from anyio.streams.stapled import StapledByteStream

from hud.containers.contract import Stdio
from hud.containers.output import Head, Tail
from hud.errors import DockerFailure

STDOUT, STDERR = 1, 2
_HEADER = 8
_CHUNK = 256 * 1024


class Demultiplexer:
    """Takes the engine's framed bytes apart: each frame is a header of stream number and length,
    then that much.
    """

    def __init__(self) -> None:
        self._header = bytearray()
        self._stream = 0
        self._left = 0

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The pieces in the data, as stream number and bytes; a frame may come in several pieces.

        Raises:
            DockerFailure: the bytes are not framed.
        """
        view = memoryview(data)
        while view:
            if self._left:
                piece = bytes(view[: self._left])
                view = view[len(piece) :]
                self._left -= len(piece)
                yield self._stream, piece
                continue
            missing = _HEADER - len(self._header)
            self._header += view[:missing]
            view = view[missing:]
            if len(self._header) == _HEADER:
                self._open_frame()

    def _open_frame(self) -> None:
        self._stream, self._left = self._header[0], int.from_bytes(self._header[4:], "big")
        if self._stream > STDERR or any(self._header[1:4]):
            raise DockerFailure("the engine's answer is not a stream of stdout and stderr")
        self._header.clear()


class HijackedStdio:
    """The stdin and stdout of a process in a container. Keeps the contract `Stdio`.

    `first` is what came with the engine's answer. `copy` gets stderr too, from its first byte on.
    """

    def __init__(self, raw: ByteStream, first: bytes, copy: Head | None = None) -> None:
        self.stderr = Tail()
        self._copy = copy
        self._raw = raw
        self._demultiplexer = Demultiplexer()
        self._ready: deque[bytes] = deque()
        self._take(first)

    async def send(self, item: bytes) -> None:
        await self._raw.send(item)

    async def receive(self, max_bytes: int = 65536) -> bytes:
        while not self._ready:
            try:
                self._take(await self._raw.receive(_CHUNK))
            except anyio.BrokenResourceError:
                raise anyio.EndOfStream from None
        piece = self._ready.popleft()
        if len(piece) > max_bytes:
            self._ready.appendleft(piece[max_bytes:])
        return piece[:max_bytes]

    async def send_eof(self) -> None:
        await self._raw.send_eof()

    async def aclose(self) -> None:
        await self._raw.aclose()

    def _take(self, data: bytes) -> None:
        for stream, piece in self._demultiplexer.feed(data):
            if stream != STDERR:
                self._ready.append(piece)
                continue
            self.stderr.append(piece)
            if self._copy is not None:
                self._copy.append(piece)


@dataclass
class _ProcessStream(StapledByteStream):
    """A child process's stdin and stdout as one stream; closing it ends the process."""

    process: Process

    async def aclose(self) -> None:
        with anyio.CancelScope(shield=True):
            self.process.kill()
            await self.process.aclose()


@dataclass
class _SocketFileStream(ByteStream):
    """A connection to a socket file. `anyio` has one, but if receiving is cancelled just when bytes
    arrive, that one sets the result of a future that is over, which asyncio reports on stderr.
    """

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, item: bytes) -> None:
        try:
            self.writer.write(item)
            await self.writer.drain()
        except OSError as error:
            raise anyio.BrokenResourceError from error

    async def receive(self, max_bytes: int = _CHUNK) -> bytes:
        if self.writer.is_closing():
            raise anyio.ClosedResourceError
        try:
            data = await self.reader.read(max_bytes)
        except OSError as error:
            raise anyio.BrokenResourceError from error
        if not data:
            raise anyio.EndOfStream
        return data

    async def send_eof(self) -> None:
        self.writer.write_eof()

    async def aclose(self) -> None:
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()


class Refused(Exception):
    """The engine answered with an error."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


async def dial(host: str, docker: Callable[[], Sequence[str]]) -> ByteStream:
    """A connection to the engine at `host`, as in `DOCKER_HOST`; `docker` gives the command that
    reaches it.
    """
    url = urlsplit(host)
    if url.scheme == "unix":
        return _SocketFileStream(*await asyncio.open_unix_connection(url.path, limit=_CHUNK))
    if url.scheme == "tcp" and url.hostname and url.port:
        return await anyio.connect_tcp(url.hostname, url.port)
    process = await anyio.open_process(
        [*docker(), "system", "dial-stdio"], stderr=subprocess.DEVNULL
    )
    assert process.stdin is not None
    assert process.stdout is not None
    return _ProcessStream(process.stdin, process.stdout, process)


async def hijack(raw: ByteStream, path: str, body: object = None) -> bytes:
    """Ask the engine to turn the connection into a process's streams; returns what already came of
    them.

    Raises:
        Refused: the engine answered with an error.
    """
    content = b"" if body is None else json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    await raw.send(head.encode() + content)
    status, rest = await _answer(raw)
    if status not in (101, 200):
        raise Refused(status, await _reason(raw, rest))
    return rest


async def body(raw: ByteStream, method: str, path: str) -> AsyncIterator[bytes]:
    """The body of an answer, piece by piece until the engine closes it.

    Raises:
        Refused: the engine answered with an error.
    """
    # With version 1.0 of HTTP the body comes as it is, not in chunks.
    await raw.send(f"{method} {path} HTTP/1.0\r\nHost: docker\r\n\r\n".encode())
    status, rest = await _answer(raw)
    if status != 200:
        raise Refused(status, await _reason(raw, rest))
    while True:
        if rest:
            yield rest
        try:
            rest = await raw.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return


async def _answer(raw: ByteStream) -> tuple[int, bytes]:
    """The status of the engine's answer, and what of the body came with it."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        try:
            answer += await raw.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            raise Refused(0, "the engine closed the connection") from None
    head, _, rest = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), rest


async def _reason(raw: ByteStream, start: bytes) -> str:
    """The complaint in an answer that is an error; its body is short and may be chunked."""
    text = start
    with anyio.move_on_after(1):
        while b"}" not in text:
            try:
                text += await raw.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                break
    found = text[text.find(b"{") : text.rfind(b"}") + 1]
    try:
        return str(json.loads(found)["message"])
    except (ValueError, KeyError):
        return text.decode(errors="replace").strip() or "no reason given"


async def converse(stdio: Stdio, stdin: bytes, stdout: Head) -> None:
    """Give a command its input and take its output until it ends."""

    async def feed() -> None:
        with suppress(anyio.BrokenResourceError):
            if stdin:
                await stdio.send(stdin)
            await stdio.send_eof()

    async with anyio.create_task_group() as group:
        group.start_soon(feed)
        with suppress(anyio.EndOfStream):
            while True:
                stdout.append(await stdio.receive())
        group.cancel_scope.cancel()
