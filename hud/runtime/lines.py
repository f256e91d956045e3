"""Lines of JSON over a socket; light, for what has to start soon."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

_encode = json.JSONEncoder(separators=(",", ":")).encode


class LineProtocol(asyncio.Protocol):
    """Reads lines from a transport and hands each to `on_line`; `on_lost` is called once at the
    end.
    """

    def __init__(self, on_line: Callable[[bytes], None], on_lost: Callable[[], None]) -> None:
        self._on_line = on_line
        self._on_lost = on_lost
        self._buffer = bytearray()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if b"\n" not in data:
            self._buffer += data
            return
        *lines, rest = (bytes(self._buffer) + data).split(b"\n")
        self._buffer = bytearray(rest)
        for line in lines:
            self._on_line(line)

    def connection_lost(self, exc: Exception | None) -> None:
        self._on_lost()

    def send(self, message: Mapping[str, Any]) -> None:
        """Write one message."""
        if self.transport is not None:
            self.transport.write(_encode(message).encode() + b"\n")
