"""The real `hud dev` in a process of its own, and clients of both eras."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx
import pytest
from mcp import Client

from tests.command import Command, plain_environment
from tests.forking import Forking

SECONDS = 30.0
"""How long anything may take here; the machine may be busy."""
ENV = '''"""An environment."""
from hud import Environment

env = Environment("live")


@env.tool()
def version() -> int:
    """Which version this is."""
    return 0


@env.scenario("count")
async def count(word: str, times: int = 1):
    """Count letters."""
    answer = yield f"How many letters has {word}?"
    yield 1.0 if answer == str(len(word) * times) else 0.25
'''


def source(version: object, more: str = "") -> str:
    """The environment's file, with a tool that returns `version`."""
    return ENV.replace("return 0", f"return {version}") + more


def command_beside(
    factory: pytest.TempPathFactory, text: str, forking: Forking | None = None
) -> Command:
    """`hud` of a new user, in a folder with this environment; for tests that share it."""
    home, folder = factory.mktemp("home"), factory.mktemp("env")
    (folder / "env.py").write_text(text)
    words = (sys.executable, "-P", "-m", "hud.cli")
    return Command(words, folder, plain_environment(home), forking)


@dataclass
class DevServer:
    """A running `hud dev`."""

    process: subprocess.Popen[str]
    folder: Path
    lines: list[str] = field(default_factory=list)
    """What it printed on standard error."""
    _printed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def env(self) -> Path:
        return self.folder / "env.py"

    @property
    def url(self) -> str:
        line = self.wait_for(r"→ (http://\S+)")
        return line.split()[-1]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2].partition("/")[0])

    def wait_for(self, pattern: str, after: int = 0, seconds: float = SECONDS) -> str:
        """The first line, after that many lines, in which the pattern is found."""
        deadline = time.monotonic() + seconds
        with self._printed:
            while True:
                for line in self.lines[after:]:
                    if re.search(pattern, line):
                        return line
                if (left := deadline - time.monotonic()) <= 0:
                    raise TimeoutError(f"no {pattern!r} in:\n" + "\n".join(self.lines))
                self._printed.wait(left)

    async def heard(self, pattern: str, after: int = 0) -> str:
        """As `wait_for`, while the test's own tasks go on."""
        return await anyio.to_thread.run_sync(self.wait_for, pattern, after)

    def save(self, text: str) -> int:
        """Write the environment's file; how many lines had been printed before."""
        count = len(self.lines)
        self.env.write_text(text)
        return count

    async def reloaded(self, text: str) -> str:
        """Write the environment's file and wait for the line about its reload."""
        return await self.heard("→ (reloaded|restarted|rebuilt)", self.save(text))

    def status(self) -> dict[str, Any]:
        answer = httpx.get(self.url.replace("/mcp", "/status"), timeout=SECONDS, trust_env=False)
        status: dict[str, Any] = answer.json()
        return status

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; the exit status."""
        self.process.send_signal(number)
        return self.process.wait(SECONDS)

    def read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._printed:
                self.lines.append(line.rstrip("\n"))
                self._printed.notify_all()


@contextmanager
def hud_dev(cli: Command, *arguments: str, ready: bool = True) -> Iterator[DevServer]:
    """`hud dev` on a free port; ends with the block, and nothing of it may be left."""
    process = replace(cli, env={"HUD_IN_CONTAINER": "0", **cli.env}).start("dev", *arguments)
    server = DevServer(process, cli.cwd)
    reader = threading.Thread(target=server.read, daemon=True)
    reader.start()
    try:
        if ready:
            server.wait_for("is ready in")
        yield server
    finally:
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(15)
        process.kill()
        process.wait()
        reader.join(SECONDS)
        for stream in (process.stdin, process.stdout, process.stderr):
            assert stream is not None
            stream.close()


async def until(condition: Callable[[], object], seconds: float = SECONDS) -> None:
    """Wait until a condition holds, which is looked at in a thread of its own."""

    def look() -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError("the condition did not come true")
            time.sleep(0.02)

    await anyio.to_thread.run_sync(look)


class Ear:
    """Hears what a server tells its client of its own accord."""

    def __init__(self) -> None:
        self.methods: list[str] = []
        self._heard = anyio.Event()

    async def __call__(self, message: Any) -> None:
        self.methods.append(getattr(message, "method", type(message).__name__))
        self._heard.set()
        self._heard = anyio.Event()

    async def until(self, method: str) -> None:
        with anyio.fail_after(SECONDS):
            while method not in self.methods:
                await self._heard.wait()


ERAS = pytest.mark.parametrize("era", ["legacy", "auto"])


@asynccontextmanager
async def connected(server: DevServer, era: str, ear: Ear | None = None) -> AsyncIterator[Client]:
    """A client of the official SDK."""
    with anyio.fail_after(4 * SECONDS):
        client = Client(server.url, mode=era, message_handler=ear, cache=None)
        async with client:
            yield client


async def answer(client: Client, tool: str = "version", **arguments: Any) -> Any:
    """What a tool returns: its structured result, else its text."""
    result = await client.call_tool(tool, arguments)
    if result.structured_content is not None:
        return result.structured_content.get("result", result.structured_content)
    return getattr(result.content[0], "text", None)


async def call_and_lose(server: DevServer, era: str) -> None:
    """Call a tool that hangs, of a server that is going to end."""
    try:
        async with connected(server, era) as client:
            await client.call_tool("hang", {})
    except Exception:  # noqa: BLE001 - its server is going away
        return
