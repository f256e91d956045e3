"""One rollout's process as the parent knows it: its connection, what it prints, how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import os

from hud.errors import EnvironmentFailure
from hud.runtime.exits import describe_status
from hud.runtime.wire import WireConnection

LOG_LIMIT = 64 * 1024
"""Bytes of a rollout's output that are kept: the last ones."""
READ_SIZE = 64 * 1024
READS_AT_THE_END = 16
"""Reads that empty the largest pipe there is."""
STATUS_GRACE = 2.0
"""Seconds to wait for the exit status of a process whose connection ended."""


class Output:
    """The end of what a process prints, taken from a pipe as it comes."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._kept = b""
        self._is_open = True
        os.set_blocking(descriptor, False)
        asyncio.get_running_loop().add_reader(descriptor, self._read)

    @property
    def text(self) -> str:
        return self._kept.decode(errors="replace")

    def finish(self) -> None:
        """Take what the process left in the pipe when it ended."""
        for _ in range(READS_AT_THE_END):
            if not self._is_open or not self._read():
                break
        self._close()

    def _read(self) -> bool:
        """Whether something was in the pipe."""
        try:
            data = os.read(self._descriptor, READ_SIZE)
        except BlockingIOError:
            return False
        self._kept = (self._kept + data)[-LOG_LIMIT:]
        if not data:
            self._close()
        return bool(data)

    def _close(self) -> None:
        if self._is_open:
            self._is_open = False
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)


class Child:
    """A rollout's process."""

    def __init__(self, timeout: float, output: Output) -> None:
        """`timeout`: seconds that each request to it may take."""
        self.output = output
        self.connection = WireConnection(timeout, self.obituary)
        self.exited = asyncio.Event()
        self.status: int | None = None
        """Exit status, negative for a signal; None as long as it runs."""
        self.pid: int | None = None
        """None until the host tells it."""

    @property
    def log(self) -> str:
        """The end of what it printed."""
        return self.output.text

    def mark_exited(self, status: int | None) -> None:
        self.status = status
        self.exited.set()

    async def obituary(self) -> EnvironmentFailure:
        """How the process ended, once that is known."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STATUS_GRACE):
                await self.exited.wait()
        if self.exited.is_set():
            self.output.finish()
        return EnvironmentFailure(
            f"the environment's process {describe_status(self.status)}", detail=self.log or None
        )
