"""Calls a server all the time, in one session, until its input ends; then prints what it saw.

`python caller.py URL legacy|auto` runs in the virtual environment of either line of the SDK.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

PAUSE = 0.005
OFTEN = 10
"""Every so many calls, one goes to a tool that is there in some versions only."""


@asynccontextmanager
async def session_of_mcp1(url: str) -> AsyncIterator[Any]:
    mcp = importlib.import_module("mcp")
    transport = importlib.import_module("mcp.client.streamable_http")
    async with (
        transport.streamable_http_client(url) as (reading, writing, _),
        mcp.ClientSession(reading, writing) as session,
    ):
        await session.initialize()
        yield session


@asynccontextmanager
async def session_of_mcp2(url: str, era: str) -> AsyncIterator[Any]:
    mcp = importlib.import_module("mcp")
    async with mcp.Client(url, mode=era, cache=None) as client:
        yield client


def failure_of(result: Any) -> str | None:
    is_error = getattr(result, "is_error", None) or getattr(result, "isError", None)
    return result.content[0].text if is_error else None


async def attempt(session: Any, tool: str, failures: list[str]) -> int | None:
    """The version that answered; a failure is added to `failures`."""
    try:
        result = await session.call_tool(tool, {})
    except Exception as exc:  # noqa: BLE001 - whatever it is, it is a lost call
        failures.append(f"{type(exc).__name__}: {exc}")
        return None
    if (failure := failure_of(result)) is not None:
        failures.append(failure)
        return None
    return int(result.content[0].text)


async def call_until(session: Any, stop: asyncio.Task[str]) -> dict[str, Any]:
    failed: list[str] = []
    absent: list[str] = []
    seen: list[int] = []
    calls = 0
    while not stop.done():
        calls += 1
        if calls % OFTEN == 0:
            await attempt(session, "sometimes", absent)
        elif (version := await attempt(session, "version", failed)) is not None:
            seen.append(version)
        await asyncio.sleep(PAUSE)
    return {
        "calls": calls,
        "failed": failed,
        "absent": len(absent),
        "in_order": seen == sorted(seen),
        "last": seen[-1],
    }


async def main(url: str, era: str) -> None:
    is_new = hasattr(importlib.import_module("mcp"), "Client")
    stop = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    async with session_of_mcp2(url, era) if is_new else session_of_mcp1(url) as session:
        saw = await call_until(session, stop)
    sys.stdout.write(json.dumps(saw))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
