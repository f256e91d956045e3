"""One HTTP/1.1 connection to a server, one exchange at a time.

Small on purpose: it is on the path of every call, and each failure has to name its stage.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
import time
from collections.abc import Iterator
from typing import Literal

from hud.dev.gateway.upstreams.upstream import Headers, Interrupted, Stage
from hud.errors import describe

PIECE = 256 * 1024
LONGEST_HEAD = 64 * 1024
IDLE_SECONDS = 2.0
"""An idle connection is not used again after this; servers close theirs after five seconds."""

_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-5]\d\d)(?: [^\r\n]*)?")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*?)[ \t]*")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")
_WITHOUT_BODY = (204, 304)

Framing = Literal["length", "chunked", "until closed"]


class Connection:
    """Writes a request, then reads the answer's head and the pieces of its body."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._idle_since = 0.0
        self._framing: Framing = "length"
        self._left = 0
        """Bytes of the body, or of the current chunk, that are still to come."""
        self._is_within_chunk = False
        self._is_in_trailer = False
        self._is_complete = True
        self._may_stay = False

    async def send(self, request: bytes) -> None:
        """Write a request. A failure is left to `head`: a server may answer before it reads all."""
        self._is_complete = self._may_stay = False
        self._writer.write(request)
        with contextlib.suppress(ConnectionError):
            await self._writer.drain()

    async def head(self) -> tuple[int, Headers]:
        """Wait for the status and the headers of the answer, past interim ones.

        Raises:
            Interrupted: the connection ended, or what came is not HTTP.
        """
        while True:
            with _failures_at("answer"):
                raw = await self._reader.readuntil(b"\r\n\r\n")
            status, headers = self._read_head(raw)
            if status >= 200:
                return status, headers

    async def body(self) -> bytes:
        """The next piece of the body, empty at its end.

        Raises:
            Interrupted: the connection ended before the body did.
        """
        if self._is_complete:
            return b""
        with _failures_at("body"):
            if self._framing == "chunked" and not await self._in_chunk():
                return b""
            piece = await self._reader.read(min(PIECE, self._left) or PIECE)
        if self._framing == "until closed":
            self._is_complete = not piece
            return piece
        self._left -= len(piece)
        if not piece:
            raise Interrupted("body", "the connection was closed before the answer was complete")
        if self._framing == "length":
            self._is_complete = self._left == 0
        return piece

    def is_fresh(self) -> bool:
        """Whether an idle connection can be trusted to be open still."""
        is_young = time.monotonic() - self._idle_since < IDLE_SECONDS
        return is_young and not self._reader.at_eof() and not self._writer.is_closing()

    def recycle(self) -> bool:
        """Make ready for the next exchange; False if that is not possible."""
        self._idle_since = time.monotonic()
        return self._is_complete and self._may_stay and not self._reader.at_eof()

    def abort(self) -> None:
        """Close at once."""
        self._writer.transport.abort()

    def _read_head(self, raw: bytes) -> tuple[int, Headers]:
        first, *lines = raw[:-4].split(b"\r\n")
        found = _STATUS.fullmatch(first)
        fields = [_FIELD.fullmatch(line) for line in lines]
        if found is None or len(raw) > LONGEST_HEAD:
            raise Interrupted("answer", "the answer is not proper HTTP")
        headers: Headers = []
        for field in fields:
            if field is None:
                raise Interrupted("answer", "the answer is not proper HTTP: a malformed header")
            headers.append((field[1].lower(), field[2]))
        status = int(found[2])
        self._frame(status, headers, is_old=found[1] == b"0")
        return status, headers

    def _frame(self, status: int, headers: Headers, *, is_old: bool) -> None:
        named = dict(headers)
        persistence = named.get(b"connection", b"").lower()
        self._may_stay = b"close" not in persistence and not is_old
        length = named.get(b"content-length")
        if named.get(b"transfer-encoding", b"").lower().endswith(b"chunked"):
            self._framing = "chunked"
            self._left, self._is_complete = 0, False
            self._is_within_chunk = self._is_in_trailer = False
        elif status in _WITHOUT_BODY or (length is not None and length.isdigit()):
            self._framing = "length"
            self._left = 0 if status in _WITHOUT_BODY else int(length or b"0")
            self._is_complete = self._left == 0
        else:
            self._framing = "until closed"
            self._left, self._is_complete, self._may_stay = 0, False, False

    async def _in_chunk(self) -> bool:
        """Go to where the next piece of a chunk begins; False at the end of the body.

        Whoever waits may be cancelled and come again, so each step is noted as soon as it is done.
        """
        if self._left > 0:
            return True
        if self._is_within_chunk:
            await self._reader.readexactly(2)
            self._is_within_chunk = False
        if not self._is_in_trailer:
            line = await self._reader.readuntil(b"\r\n")
            if (found := _SIZE.fullmatch(line)) is None:
                raise Interrupted("body", "the answer is not proper HTTP: a malformed chunk")
            self._left = int(found[1], 16)
            self._is_within_chunk = self._left > 0
            self._is_in_trailer = self._left == 0
        if self._is_in_trailer:
            while await self._reader.readuntil(b"\r\n") != b"\r\n":
                pass
            self._is_complete = True
        return self._left > 0


@contextlib.contextmanager
def _failures_at(stage: Stage) -> Iterator[None]:
    try:
        yield
    except asyncio.IncompleteReadError:
        reason = "the connection was closed before the answer was complete"
        raise Interrupted(stage, reason) from None
    except asyncio.LimitOverrunError as exc:
        raise Interrupted(stage, "the answer is not proper HTTP") from exc
    except (OSError, ssl.SSLError) as exc:
        raise Interrupted(stage, f"the connection was lost: {describe(exc)}") from exc
