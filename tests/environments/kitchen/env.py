"""A kitchen behind a FastAPI backend that the environment starts and stops."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx2
from routers import ask, cook, waiter

from hud import Environment
from hud.tools.types import EvaluationResult

env = Environment("kitchen")
env.include_router(waiter)
env.include_router(cook, prefix="cook")
process: subprocess.Popen[bytes] | None = None


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@env.initialize
async def start_backend() -> None:
    global process
    port = free_port()
    os.environ["KITCHEN_URL"] = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "uvicorn", "backend:app", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--log-level", "warning"], cwd=Path(__file__).parent, stdout=subprocess.DEVNULL
    )
    async with asyncio.timeout(30):
        while True:
            try:
                await ask("GET", "/health")
            except httpx2.TransportError:
                await asyncio.sleep(0.05)
            else:
                return


@env.shutdown
async def stop_backend() -> None:
    if process is not None:
        process.terminate()
        process.wait(10)


@env.resource("kitchen://menu")
async def menu() -> str:
    return ", ".join(await ask("GET", "/stock"))


@env.scenario("serve")
async def serve(stock: dict[str, int], wishes: list[dict[str, Any]]) -> AsyncGenerator[Any, Any]:
    """Take the orders that can be met."""
    await ask("PUT", "/stock", json=stock)
    said = ", ".join(f"{wish['guest']} wants {wish['dish']}" for wish in wishes)
    yield f"{said}. Take the orders that can be met."
    taken = await env.call_tool("orders")
    met = [wish for wish in wishes if wish in taken.value]
    share = len(met) / len(wishes)
    yield EvaluationResult(reward=share, info={"met": len(met)})
