"""An environment whose tools do to its container what should not happen."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from hud import Environment

env = Environment("trouble")
seen: list[str] = []


@env.tool()
def see(what: str) -> list[str]:
    """Remember something; returns everything that was remembered here."""
    seen.append(what)
    return seen


@env.tool()
def variables() -> dict[str, str]:
    """The variables of this process."""
    return dict(os.environ)


@env.tool()
def leave(code: int) -> None:
    """End the server."""
    os._exit(code)


@env.tool()
def eat_memory() -> int:
    """Use more memory than there is."""
    return len(b"x" * (8 << 30))


@env.tool()
def feed_a_child() -> int:
    """Let another process use more memory than there is."""
    return subprocess.run([sys.executable, "-c", "b'x' * (8 << 30)"], check=False).returncode


@env.tool()
def fill_disk() -> str:
    """Write more than fits."""
    with Path(tempfile.gettempdir(), "full").open("wb") as file:
        while True:
            file.write(bytes(1 << 20))


@env.tool()
def fill_disk_for_a_moment() -> None:
    """Write more than fits, and remove it."""
    with tempfile.TemporaryFile() as file:
        while True:
            file.write(bytes(1 << 20))


@env.tool()
def claim(text: str) -> str:
    """Say what it is told to."""
    return text


@env.scenario("sum")
async def add_up(a: int, b: int) -> AsyncGenerator[Any, Any]:
    """Ask for a sum."""
    answer = yield f"What is {a} + {b}?"
    yield 1.0 if answer == str(a + b) else 0.0


@env.shutdown
def say_goodbye() -> None:
    sys.stderr.write("goodbye\n")
