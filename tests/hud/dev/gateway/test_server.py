"""A gateway in a process of its own that is told to end while it is in use."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.lowlevel
import httpx
import pytest

from tests.command import ROOT
from tests.hud.dev.gateway.serving import Client, first
from tests.hud.dev.gateway.test_stdio import PROGRAM, until_gone
from tests.hud.dev.gateway.toy import Json

pytestmark = pytest.mark.anyio


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def start(argv: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(argv, env={**os.environ, "PYTHONPATH": str(ROOT)})


@asynccontextmanager
async def process(folder: Path) -> AsyncIterator[tuple[subprocess.Popen[bytes], str]]:
    port = free_port()
    argv = [sys.executable, "-W", "error", str(Path(__file__).with_name("serve.py"))]
    argv += ["--command", " ".join(PROGRAM), "--port", str(port), "--folder", str(folder)]
    child = start(argv)
    base = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient(trust_env=False, verify=False) as probe:
            with anyio.fail_after(20):
                while not await is_ready(probe, base):
                    await anyio.lowlevel.checkpoint()
        yield child, f"{base}/mcp"
    finally:
        child.kill()
        child.wait(5)


async def is_ready(probe: httpx.AsyncClient, base: str) -> bool:
    try:
        return (await probe.get(f"{base}/ready")).status_code == 200
    except httpx.TransportError:
        return False


async def test_it_ends_in_time_with_open_streams_and_a_running_call(tmp_path: Path) -> None:
    async with process(tmp_path) as (child, url), Client(url) as client, Client(url) as other:
        await client.initialize()
        pid = int(await client.text("pid"))
        answers: list[Json] = []

        async def call() -> None:
            answers.append(await other.call("hang"))

        async with (
            anyio.create_task_group() as tasks,
            client.stream() as legacy,
            client.listening(toolsListChanged=True) as modern,
        ):
            await first(modern)
            await other.initialize()
            tasks.start_soon(call)
            await anyio.lowlevel.checkpoint()
            child.send_signal(signal.SIGTERM)
            with anyio.fail_after(10):
                assert (await anext(modern))["result"]["resultType"] == "complete"
                with pytest.raises(StopAsyncIteration):
                    await anext(legacy)
                await anyio.to_thread.run_sync(child.wait)
        assert "outcome unknown" in answers[0]["error"]["message"]
        await until_gone(pid)


async def test_its_sessions_are_there_for_the_next_process(tmp_path: Path) -> None:
    async with process(tmp_path) as (child, url), Client(url) as client:
        await client.initialize()
        child.kill()
        child.wait(5)
        async with process(tmp_path) as (_, client.url):
            assert await client.text("echo", text="still here") == "still here"
