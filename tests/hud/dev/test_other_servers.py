"""Any MCP server behind the gateway: at a URL, or started by a command and again on a save."""

from __future__ import annotations

import sys
from pathlib import Path

import anyio
import pytest

from tests.command import Command
from tests.hud.dev.gateway.serving import serving
from tests.hud.dev.gateway.toy import ToyServer
from tests.hud.dev.live import answer, connected, hud_dev

pytestmark = pytest.mark.anyio

OVER_PIPES = """\
from mcp.server import MCPServer

server = MCPServer("foreign")

@server.tool()
def version() -> int:
    return 0

if __name__ == "__main__":
    server.run("stdio")
"""
OVER_HTTP = OVER_PIPES.replace(
    'server.run("stdio")',
    'import sys\n    server.run("streamable-http", port=int(sys.argv[1]))',
)


@pytest.fixture
def cli(hud_cli: Command) -> Command:
    return hud_cli


@pytest.mark.parametrize(
    ("text", "arguments"), [(OVER_PIPES, ()), (OVER_HTTP, ("{port}",))], ids=["pipes", "http"]
)
async def test_a_command_is_restarted_behind_the_same_sessions(
    cli: Command, text: str, arguments: tuple[str, ...]
) -> None:
    path = cli.cwd / "server.py"
    path.write_text(text)
    words = ["-w", "server.py", "-p", "0", "--", sys.executable, "server.py", *arguments]
    with hud_dev(cli, *words) as server:
        async with connected(server, "legacy") as old, connected(server, "auto") as new:
            assert [await answer(client) for client in (old, new)] == [0, 0]
            lines = len(server.lines)
            path.write_text(text.replace("return 0", "return 1"))
            await server.heard("`server.py` changed → restarted", lines)
            assert [await answer(client) for client in (old, new)] == [1, 1]
            lines = len(server.lines)
            path.write_text("1 / 0")
            await server.heard("✗ `server.py` changed → .*the last good version serves on", lines)
            assert any("ZeroDivisionError" in line for line in server.lines[lines:])
            assert [await answer(client) for client in (old, new)] == [1, 1]


async def test_a_server_at_a_url_is_served_and_its_restart_is_noticed(cli: Command) -> None:
    async with serving(ToyServer("first").app) as running:
        port = running.port
        with hud_dev(cli, "--url", running.url, "-p", "0", ready=False) as server:
            await server.heard("first is ready in .*: 1 tool \\(echo\\)")
            async with connected(server, "legacy") as client:
                assert await answer(client, "echo") == "first: {}"
                running.server.die()
                async with serving(ToyServer("second", tools=("more",)).app, port):
                    await server.heard("the server was restarted; tools: \\+more")
                    assert await answer(client, "echo") == "second: {}"


async def test_a_server_that_is_not_there_yet_is_waited_for(cli: Command) -> None:
    async with serving(ToyServer().app) as running:
        port = running.port
    with hud_dev(cli, "--url", f"http://127.0.0.1:{port}/mcp", "-p", "0", ready=False) as server:
        await server.heard("http://localhost")
        async with serving(ToyServer("late").app, port):
            await server.heard("late is ready in")


def test_a_fixed_port_is_handed_over_to_the_next_version(cli: Command, tmp_path: Path) -> None:
    del tmp_path
    text = "import socket\nheld = socket.create_server(('127.0.0.1', 47392))\n" + OVER_PIPES
    path = cli.cwd / "server.py"
    path.write_text(text)
    words = ["-w", "server.py", "-p", "0", "--", sys.executable, "server.py"]
    with hud_dev(cli, *words) as server:

        async def reload() -> None:
            async with connected(server, "legacy") as client:
                assert await answer(client) == 0
                lines = len(server.lines)
                path.write_text(text.replace("return 0", "return 1"))
                await server.heard("`server.py` changed → restarted", lines)
                assert await answer(client) == 1

        anyio.run(reload)
