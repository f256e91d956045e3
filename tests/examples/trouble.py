"""Scenarios that misbehave, each in one way; `fine` and `count` do not."""

# Misbehaving is what these scenarios are for.

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from hud import Environment

env = Environment("trouble")
counter = 0


@env.scenario("fine")
async def fine() -> AsyncGenerator[Any, Any]:
    yield "Say something."
    yield 1.0


@env.scenario("count")
async def count() -> AsyncGenerator[Any, Any]:
    """Counts in a module-level variable: alone it scores 1, after n others 1 / (n + 1)."""
    global counter
    counter += 1
    yield "Say something."
    yield 1.0 / counter


@env.scenario("exit")
async def exit_at_once(status: int) -> AsyncGenerator[Any, Any]:
    yield "Say something."
    os._exit(status)


@env.scenario("leave")
async def leave() -> AsyncGenerator[Any, Any]:
    yield "Say something."
    raise SystemExit(0)


@env.scenario("spin")
async def spin() -> AsyncGenerator[Any, Any]:
    while env.name:
        pass
    yield "never"


@env.scenario("hog")
async def hog() -> AsyncGenerator[Any, Any]:
    yield "Say something."
    hoard = [bytearray(50_000_000) for _ in range(100)]
    yield float(len(hoard))


@env.scenario("kill")
async def kill(number: int = signal.SIGKILL) -> AsyncGenerator[Any, Any]:
    yield "Say something."
    os.kill(os.getpid(), number)
    yield 1.0


@env.scenario("print")
async def print_much() -> AsyncGenerator[Any, Any]:
    """Prints a megabyte itself and another by a child, to both streams, and a last word."""
    try:
        yield "Say something."
        print("x" * 500_000)
        os.write(2, b"y" * 500_000)
        subprocess.run([sys.executable, "-c", "print('z' * 1_000_000)"], check=True)
        yield 1.0
    finally:
        print("the last word", end="")


@env.scenario("children")
async def leave_children() -> AsyncGenerator[Any, Any]:
    """Leaves a child behind, and one in a session of its own; prints who they are."""
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    for elsewhere in (False, True):
        print("left:", subprocess.Popen(sleep, start_new_session=elsewhere).pid)
    yield "Say something."
    yield 1.0


@env.scenario("close")
async def close_descriptors() -> AsyncGenerator[Any, Any]:
    yield "Say something."
    os.closerange(0, 256)
    yield 1.0


@env.scenario("close-and-spin")
async def close_and_spin() -> AsyncGenerator[Any, Any]:
    print("left:", os.getpid())
    yield "Say something."
    os.closerange(0, 256)
    while True:
        time.sleep(0.1)


@env.scenario("hold")
async def hold(folder: str, name: str) -> AsyncGenerator[Any, Any]:
    """Tells who it is in a file, starts a child, and waits for the file `go`."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    note = Path(folder) / f"{name}.part"
    note.write_text(f"{os.getpid()} {os.getppid()} {child.pid}")
    note.rename(Path(folder) / f"{name}.pids")
    while not (Path(folder) / "go").exists():
        await asyncio.sleep(0.01)
    yield "Say something."
    yield 1.0


@env.scenario("thread")
async def thread() -> AsyncGenerator[Any, Any]:
    """Leaves a thread behind that never ends."""
    yield "Say something."
    threading.Thread(target=time.sleep, args=(600,)).start()
    yield 1.0


@env.scenario("stubborn")
async def stubborn() -> AsyncGenerator[Any, Any]:
    """Never finishes cleaning up."""
    try:
        yield "Say something."
        yield 1.0
    finally:
        time.sleep(600)


tasks = [
    fine.task().copy(slug="fine-1"),
    exit_at_once.task(status=3).copy(slug="exit-3"),
    exit_at_once.task(status=0).copy(slug="exit-0"),
    leave.task().copy(slug="leave"),
    spin.task().copy(slug="spin"),
    hog.task().copy(slug="hog"),
    kill.task().copy(slug="kill"),
    kill.task(number=11).copy(slug="segfault"),
    print_much.task().copy(slug="print"),
    close_descriptors.task().copy(slug="close"),
    thread.task().copy(slug="thread"),
    stubborn.task().copy(slug="stubborn"),
    leave_children.task().copy(slug="children"),
    close_and_spin.task().copy(slug="close-and-spin"),
    count.task().copy(slug="count"),
    fine.task().copy(slug="fine-2"),
]
