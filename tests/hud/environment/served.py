"""An environment to serve, and the ways to reach it.

As a program: `served.py TRANSPORT JOURNAL [PORT]`.

The transport `early` is stdio with the streams claimed before anything is printed.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from hud.environment import Environment
from hud.environment.server import claimed_streams, protocol_server, serve
from hud.environment.session import SUBMIT_TOOL

LIMIT = 20.0
"""Seconds that anything here may take."""

PATHS = ["memory-legacy", "memory-auto", "stdio-legacy", "stdio-auto", "http-legacy", "http-auto"]


def noise(word: str) -> None:
    """What authors do."""
    print(f"noise: {word}")  # noqa: T201 - prints are the subject


def build(journal: Callable[[str], None] = lambda _line: None) -> Environment:
    """An environment that writes what happens to it into a journal."""
    env = Environment("served", instructions="Serve well.")
    _add_hooks(env, journal)
    _add_tools(env)
    _add_scenarios(env, journal)
    return env


def _add_hooks(env: Environment, journal: Callable[[str], None]) -> None:
    @env.initialize
    async def start(init_ctx: Any) -> None:
        noise("initialize")
        journal("initialize")

    @env.shutdown
    async def stop() -> None:
        noise("shutdown")
        await asyncio.sleep(0)
        journal("shutdown")


def _add_tools(env: Environment) -> None:
    @env.tool
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    @env.tool
    def row() -> dict[str, Any]:
        return {"id": 1, "note": None}

    @env.tool
    def nothing() -> None:
        return None

    @env.tool
    def rows() -> list[int]:
        return []

    @env.tool
    def fail() -> str:
        raise RuntimeError("out of paper")

    @env.tool
    def secret() -> str:
        return "the answer is 42"

    @env.tool
    def shout() -> str:
        noise("tool")
        os.write(1, b"noise: descriptor\n")
        subprocess.run([sys.executable, "-c", "print('noise: child')"], check=True)
        return sys.stdin.read() or "nothing to read"

    @env.tool
    def block(path: str) -> str:
        Path(path).touch()
        time.sleep(LIMIT)
        return "too late"

    @env.tool
    async def big() -> str:
        return "x" * 3_000_000


def _add_scenarios(env: Environment, journal: Callable[[str], None]) -> None:
    @env.scenario
    async def echo(word: str = "", times: int = 1, words: list[str] | None = None) -> Any:
        noise("setup")
        answer = yield f"say {word!r} {times} times, then {words!r}"
        noise("grading")
        yield {"reward": float(answer == word), "info": {"answer": answer}}

    async def guarded() -> Any:
        yield "do not look"
        yield 1.0

    env.scenario(guarded, exclude_tools=["secret"])

    @env.scenario
    async def tidy() -> Any:
        try:
            yield "leave it clean"
            yield 1.0
        finally:
            await asyncio.sleep(0)
            journal("tidied")

    @env.scenario
    async def broken_setup() -> Any:
        yield str(int("no disk"))

    @env.scenario
    async def broken_grade() -> Any:
        yield "try"
        expected = "hunter2"
        assert not expected, "the grader is confused"
        yield 1.0


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def program(transport: str, journal: Path, *args: str) -> list[str]:
    """The command that serves this environment in a process of its own."""
    return [sys.executable, __file__, transport, str(journal), *args]


def environment_variables() -> dict[str, str]:
    """What such a process needs; its output is buffered, as it is by default."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"} | {
        "PYTHONPATH": os.getcwd()
    }


def journal_file(path: Path) -> Callable[[str], None]:
    """A journal that another process can read."""

    def write(line: str) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    return write


@asynccontextmanager
async def over_http(env: Environment, **options: Any) -> AsyncIterator[str]:
    """The URL of a real server in this process."""
    port = free_port()
    task = asyncio.create_task(serve(env, "http", port=port, **options))
    try:
        async with asyncio.timeout(LIMIT):
            await reachable(port)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        task.cancel()
        async with asyncio.timeout(LIMIT):
            await asyncio.gather(task, return_exceptions=True)


async def reachable(port: int) -> None:
    """Wait until something listens on a port."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return


@asynccontextmanager
async def client_over(path: str, env: Environment, tmp_path: Path) -> AsyncIterator[Client]:
    """A client that reaches `env` by one of `PATHS`; over stdio it is a copy in another process."""
    wire, mode = path.split("-")
    async with AsyncExitStack() as stack:
        target: Any
        if wire == "memory":
            target = protocol_server(env)
        elif wire == "http":
            target = await stack.enter_async_context(over_http(env))
        else:
            target = stdio(program("stdio", tmp_path / "journal"), tmp_path)
        yield await stack.enter_async_context(Client(target, mode=mode, read_timeout_seconds=LIMIT))


@asynccontextmanager
async def stdio(command: list[str], tmp_path: Path) -> AsyncIterator[Any]:
    """A transport to a process; what it prints to standard error is kept in the file `stderr`."""
    parameters = StdioServerParameters(
        command=command[0], args=command[1:], env=environment_variables()
    )
    with (tmp_path / "stderr").open("w", encoding="utf-8") as errlog:
        async with stdio_client(parameters, errlog=errlog) as streams:
            yield streams


async def play(client: Client, answer: str, scenario: str = "served:echo") -> Any:
    """Set a scenario up, answer it, and return the text of its grade."""
    await client.get_prompt(scenario, {})
    await client.call_tool(SUBMIT_TOOL, {"scenario": scenario, "answer": answer})
    result = await client.read_resource(scenario)
    return getattr(result.contents[0], "text", None)


def main(transport: str, journal: str, port: str = "8000") -> None:
    """Serve; what is printed while importing must not be seen by clients either."""
    if transport == "early":
        with claimed_streams() as streams:
            noise("import")
            sys.stdout.flush()
            asyncio.run(serve(build(journal_file(Path(journal))), streams=streams))
        return
    noise("import")
    build(journal_file(Path(journal))).run(transport, port=int(port))


if __name__ == "__main__":
    main(*sys.argv[1:])
