"""The output of processes as it comes: bounded, and cut where a marker ends a command."""

from __future__ import annotations

import re

MAX_OUTPUT = 64 * 1024
"""Bytes of one stream that are kept: its beginning and its end."""


class Capture:
    """The beginning and the end of a text, up to `limit` bytes."""

    def __init__(self, limit: int = MAX_OUTPUT) -> None:
        self._half = max(limit // 2, 1)
        self._head = bytearray()
        self._tail = bytearray()
        self._omitted = 0

    def add(self, data: bytes | bytearray) -> None:
        """Take the next bytes."""
        room = self._half - len(self._head)
        self._head += data[: max(room, 0)]
        self._tail += data[max(room, 0) :]
        if len(self._tail) > 2 * self._half:
            surplus = len(self._tail) - self._half
            self._omitted += surplus
            del self._tail[:surplus]

    def text(self) -> str:
        """The bytes as text; what was left out is said in its place."""
        surplus = max(len(self._tail) - self._half, 0)
        omitted, tail = self._omitted + surplus, self._tail[surplus:]
        if not omitted:
            return _decoded(self._head + tail)
        return f"{_decoded(self._head)}\n[… {omitted:,} bytes left out …]\n{_decoded(tail)}"


class Stream:
    """One output stream of a shell: the output of the command under way."""

    def __init__(self, limit: int = MAX_OUTPUT) -> None:
        self._limit = limit
        self._capture = Capture(limit)
        self._pending = bytearray()
        self._mark: re.Pattern[bytes] | None = None
        self._mark_length = 0
        self._ended: Capture | None = None
        self.status: int | None = None
        """The exit status that the marker told, if it told one."""

    @property
    def is_marked(self) -> bool:
        """Whether the marker has come."""
        return self._ended is not None

    def expect(self, token: str) -> None:
        """End the output where `token` stands between record separators, then a status."""
        self._mark = re.compile(rb"\x1e%s\x1e(\d*)\x1e" % token.encode())
        self._mark_length = len(token) + len("\x1e\x1e255\x1e")
        self._ended = self.status = None

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        self._pending += data
        found = self._mark.search(self._pending) if self._mark else None
        if found is not None:
            self._capture.add(self._pending[: found.start()])
            self.status = int(found[1]) if found[1] else None
            self._ended, self._capture = self._capture, Capture(self._limit)
            del self._pending[: found.end()]
            self._mark = None
        sure = len(self._pending) - (self._mark_length if self._mark else 0)
        if sure > 0:
            self._capture.add(self._pending[:sure])
            del self._pending[:sure]

    def text(self) -> str:
        """The output up to the marker; as much of it as there is if that has not come."""
        if self._ended is not None:
            return self._ended.text()
        self._capture.add(self._pending)
        self._pending.clear()
        return self._capture.text()


def _decoded(data: bytes | bytearray) -> str:
    return data.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
