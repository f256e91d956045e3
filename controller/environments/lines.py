"""What processes print, line by line."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Self

READ_SIZE = 64 * 1024
LONGEST_LINE = 16 * 1024


class Lines:
    """A pipe for processes to print to; an async context manager, within which `descriptor` is its
    end for them. Each line goes to `log`.
    """

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._rest = b""
        self._reading = -1
        self.descriptor = -1

    async def __aenter__(self) -> Self:
        self._reading, self.descriptor = os.pipe()
        os.set_blocking(self._reading, False)
        asyncio.get_running_loop().add_reader(self._reading, self._read)
        return self

    async def __aexit__(self, *_: object) -> None:
        os.close(self.descriptor)
        self._read()
        if self._rest:
            self._log(self._rest.decode(errors="replace"))
        self._close()

    def _read(self) -> None:
        try:
            data = os.read(self._reading, READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._close()
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            self._log(line.decode(errors="replace").rstrip("\r"))

    def _close(self) -> None:
        if self._reading >= 0:
            asyncio.get_running_loop().remove_reader(self._reading)
            os.close(self._reading)
            self._reading = -1
