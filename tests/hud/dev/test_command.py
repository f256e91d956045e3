"""`hud dev` as a person runs it: what it prints, what it refuses, how it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import anyio
import httpx
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.command import Command
from tests.hud.dev.live import (
    DevServer,
    answer,
    call_and_lose,
    command_beside,
    connected,
    hud_dev,
    source,
    until,
)
from tests.hud.environment.served import free_port

pytestmark = pytest.mark.anyio

LOOKING = pytest.mark.xdist_group("a server to look at")

HANGING = """
import subprocess

subprocess.Popen(["sleep", "600"])


@env.tool()
async def hang() -> None:
    import asyncio

    await asyncio.sleep(600)
"""
HELLO = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "t", "version": "1"},
}
INITIALIZE = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO})


@pytest.fixture
def cli(hud_cli: Command) -> Command:
    """The command in a folder with an environment."""
    (hud_cli.cwd / "env.py").write_text(source(0))
    return hud_cli.having(HUD_IN_CONTAINER="0")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    """One server for all tests that only look at it; it watches nothing."""
    with hud_dev(command_beside(tmp_path_factory, source(0)), "-p", "0") as running:
        yield running


def processes_of(folder: Path) -> list[str]:
    """The command lines of the processes that work in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve() == folder.resolve():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def gone_soon(folder: Path, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while processes_of(folder) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not processes_of(folder)


@LOOKING
def test_it_says_how_to_connect_every_client(server: DevServer) -> None:
    url = server.url
    server.wait_for("VS Code")
    text = "\n".join(server.lines)
    assert "live is ready in" in text
    assert "1 tool (version); 1 scenario (count)" in text
    assert "cursor://anysphere.cursor-deeplink/mcp/install?name=live&config=" in text
    assert json.dumps({"mcpServers": {"live": {"url": url}}}) in text
    assert f"claude mcp add --transport http live {url}" in text
    assert json.dumps({"servers": {"live": {"type": "http", "url": url}}}) in text
    assert "→ nothing is watched: reload on save with `hud dev -p 0 -w PATH`" in text


@LOOKING
async def test_what_is_printed_for_cursor_leads_a_client_to_the_tools(server: DevServer) -> None:
    line = await server.heard(r"\.cursor/mcp\.json: ")
    config = json.loads(line.partition("mcp.json: ")[2])["mcpServers"]["live"]
    async with Client(config["url"]) as client:
        assert "version" in [tool.name for tool in (await client.list_tools()).tools]


async def test_what_is_not_watched_is_not_reloaded(cli: Command) -> None:
    (cli.cwd / "other.py").write_text("")
    with hud_dev(cli, "-p", "0", "-w", "other.py") as server:
        server.env.write_text(source(1))
        (cli.cwd / "other.py").write_text("x = 1")
        await server.heard("`other.py` changed → reloaded")
        assert server.status()["generation"] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-w", "nope.py"), "error: `nope.py` cannot be watched: it does not exist"),
        (("nope:env", "--no-docker"), "there is no module `nope` here"),
        (("env:nope",), "`nope` in module `env` does not exist"),
        (("env:env", "env:env"), "is one name too many"),
        (("--url", "ftp://x"), "is not an HTTP URL"),
        (("--url", "http://x", "env:env"), "more than one thing to serve"),
        (("--url", "http://x", "-w", "env.py"), "--watch cannot restart"),
        (("--stdio", "-i"), "--interactive reads the input"),
        (("--per-client", "--no-docker"), "--per-client is about containers"),
        (("--", "no-such-command-anywhere"), "cannot start `no-such-command-anywhere`"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_reason(
    cli: Command, arguments: tuple[str, ...], message: str
) -> None:
    ended = cli("dev", "-p", "0", *arguments)
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.returncode in (1, 2)
    assert gone_soon(cli.cwd)


def test_a_port_that_is_taken_is_not_exchanged_for_another(cli: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = cli("dev", "-p", str(port))
    assert ended.returncode == 2
    assert f"error: port {port} is taken by `" in ended.stderr
    assert f"(process {os.getpid()})" in ended.stderr


def test_a_first_version_that_fails_ends_it_where_nothing_is_watched(cli: Command) -> None:
    (cli.cwd / "env.py").write_text("import nowhere_to_be_found")
    ended = cli("dev", "-p", "0")
    assert ended.returncode == 1
    assert 'env.py", line 1' in ended.stderr
    assert "there is nothing to serve" in ended.stderr


async def test_a_first_version_that_fails_is_served_once_it_is_corrected(cli: Command) -> None:
    (cli.cwd / "env.py").write_text("import nowhere_to_be_found")
    with hud_dev(cli, "-p", "0", "-w", "env.py", ready=False) as server:
        await server.heard("✗ .*nowhere_to_be_found.*; there is nothing to serve")
        assert server.status()["state"] == "failed"
        with anyio.fail_after(20):
            answered = await anyio.to_thread.run_sync(ask_for_tools, server.url)
        assert answered.status_code == 503
        assert "nowhere_to_be_found" in answered.text
        server.env.write_text(source(1))
        await server.heard("is ready in")
        async with connected(server, "legacy") as client:
            assert await answer(client) == 1


def ask_for_tools(url: str) -> httpx.Response:
    message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO}
    headers = {"accept": "application/json, text/event-stream"}
    return httpx.post(url, json=message, headers=headers, timeout=15, trust_env=False)


@pytest.mark.parametrize("module", [(), ("env",), ("env:env",), ("env.py",), ("env.py:env",)])
def test_a_module_is_named_in_any_of_these_ways(cli: Command, module: tuple[str, ...]) -> None:
    ended = cli("dev", *module, "--stdio", stdin=f"{INITIALIZE}\n")
    (answer,) = map(json.loads, ended.stdout.splitlines())
    assert answer["result"]["serverInfo"]["name"] == "live"


@pytest.mark.parametrize("name", ["b", "env"])
def test_several_environments_are_asked_for_by_name(cli: Command, name: str) -> None:
    text = source(0).replace("env = Environment", f"a = Environment('a')\n{name} = Environment")
    (cli.cwd / "env.py").write_text(text.replace("@env", f"@{name}"))
    ended = cli("dev", "-p", "0")
    assert ended.returncode == 1
    assert f"`env:a`, `env:{name}`" in ended.stderr


def test_a_file_without_an_environment_is_passed_over(cli: Command) -> None:
    (cli.cwd / "env.py").rename(cli.cwd / "main.py")
    (cli.cwd / "env.py").write_text("NAME = 'live'\n")
    with hud_dev(cli, "-p", "0") as server:
        assert server.status()["environment"] == "live"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_and_all_that_it_started(cli: Command, number: int) -> None:
    (cli.cwd / "env.py").write_text(source(0, HANGING))
    with hud_dev(cli, "-p", "0", "-w", "env.py") as server:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call_and_lose, server, "legacy")
            await until(lambda: server.status()["calls"])
            started = time.monotonic()
            assert await anyio.to_thread.run_sync(server.end, number) == 0
            assert time.monotonic() - started < 10
            tasks.cancel_scope.cancel()
        assert gone_soon(cli.cwd)


def test_a_kill_leaves_no_process(cli: Command) -> None:
    with hud_dev(cli, "-p", "0", "-w", "env.py") as server:
        server.process.kill()
        assert gone_soon(cli.cwd)


def test_it_ends_with_hooks_run_and_nothing_printed_on_standard_output(cli: Command) -> None:
    hook = "\n\n@env.shutdown\ndef bye() -> None:\n    open('bye', 'w').close()\n"
    (cli.cwd / "env.py").write_text(source(0, hook))
    with hud_dev(cli, "-p", "0") as server:
        assert server.end() == 0
        assert server.process.stdout is not None
        assert server.process.stdout.read() == ""
    assert (cli.cwd / "bye").exists()


def test_sessions_of_clients_outlive_the_server_and_are_kept_private(cli: Command) -> None:
    port = str(free_port())
    with hud_dev(cli, "-p", port) as server:
        session = ask_for_tools(server.url).headers["mcp-session-id"]
    kept = list(Path(cli.env["HOME"], ".hud", "dev").rglob("*.session.json"))
    assert kept
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in kept)
    with hud_dev(cli, "-p", port) as server:
        headers = {"accept": "application/json, text/event-stream", "mcp-session-id": session}
        message = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
        again = httpx.post(server.url, json=message, headers=headers, timeout=15, trust_env=False)
        assert "version" in again.text


def test_in_a_container_it_listens_everywhere_and_looks_at_the_host(cli: Command) -> None:
    with hud_dev(cli.having(HUD_IN_CONTAINER="1"), "-p", "0") as server:
        url = f"http://127.0.0.2:{server.port}/status"
        statuses = [
            httpx.get(url, headers={"host": host}, timeout=15, trust_env=False).status_code
            for host in ("localhost", f"127.0.0.1:{server.port}", "127.0.0.2", "evil.example")
        ]
        assert statuses == [200, 200, 421, 421]
        assert server.status()["counts"]["tools"] == 1


@LOOKING
def test_on_your_machine_it_listens_for_your_machine_only(server: DevServer) -> None:
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.2:{server.port}/health", timeout=15, trust_env=False)


def stdio_client_of(cli: Command, *arguments: str) -> StdioServerParameters:
    words = [*cli.argv[1:], "dev", *arguments, "--stdio"]
    return StdioServerParameters(command=sys.executable, args=words, env=cli.env, cwd=cli.cwd)


@pytest.mark.parametrize("era", ["legacy", "auto"])
@pytest.mark.parametrize("watch", [(), ("-w", "env.py")], ids=["direct", "gateway"])
async def test_one_client_is_served_over_standard_streams(
    cli: Command, era: str, watch: tuple[str, ...]
) -> None:
    noise = '\nprint("noise")\nimport os\nos.system("echo more noise")\n'
    (cli.cwd / "env.py").write_text(source(6, noise))
    with anyio.fail_after(60):
        parameters = stdio_client_of(cli, "env:env", *watch)
        async with Client(stdio_client(parameters), mode=era) as client:
            assert await answer(client) == 6
            tools = {tool.name for tool in (await client.list_tools()).tools}
            assert tools == {"version"}
    assert gone_soon(cli.cwd)


@pytest.mark.parametrize("watch", [(), ("-w", "env.py")], ids=["direct", "watching"])
def test_a_conversation_from_a_pipe_is_answered_to_its_end(
    cli: Command, watch: tuple[str, ...]
) -> None:
    call = {"name": "version", "arguments": {}}
    messages: list[dict[str, object]] = [
        {"id": 1, "method": "initialize", "params": HELLO},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": call},
    ]
    lines = "".join(json.dumps({"jsonrpc": "2.0", **message}) + "\n" for message in messages)
    ended = cli("dev", "env:env", "--stdio", *watch, stdin=lines)
    answers = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [one["id"] for one in answers] == [1, 2]
    assert answers[1]["result"]["structuredContent"] == {"result": 0}


@pytest.mark.parametrize("program", [("hud.cli",), ("hud",)])
def test_a_dotted_module_is_found_in_the_folder(cli: Command, program: tuple[str, ...]) -> None:
    (cli.cwd / "server").mkdir()
    (cli.cwd / "server" / "main.py").write_text(source(0).replace("env", "mcp"))
    command = replace(cli, argv=(*cli.argv[:2], "-m", *program))
    ended = command("dev", "server.main", "--stdio", stdin=f"{INITIALIZE}\n")
    assert ended.returncode == 0
    (first,) = ended.stdout.splitlines()
    assert json.loads(first)["result"]["serverInfo"]["name"] == "live"


def test_a_failing_module_says_so_over_standard_streams_too(cli: Command) -> None:
    (cli.cwd / "env.py").write_text("1 / 0")
    ended = cli("dev", "env:env", "--stdio")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "ZeroDivisionError" in ended.stderr


def test_interactive_calls_tools_and_plays_scenarios(cli: Command) -> None:
    lines = ["tools", "call version", 'start count {"word": "abc"}', "submit 3", "nonsense", "quit"]
    ended = cli("dev", "-i", "-p", "0", stdin="\n".join(lines) + "\n")
    assert ended.returncode == 0
    assert "version()  Which version this is." in ended.stdout
    assert "How many letters has abc?" in ended.stdout
    assert '"reward": 1.0' in ended.stdout
    assert "there is no command `nonsense`" in ended.stderr


def test_the_inspector_is_told_where_to_look(cli: Command) -> None:
    with hud_dev(cli, "-p", "0", "--inspector") as server:
        server.wait_for("npx @modelcontextprotocol/inspector --transport http --server-url http")
        server.wait_for("localhost:6274/.*serverUrl=http%3A%2F%2Flocalhost")


def test_watching_needs_no_package_where_nothing_is_watched(cli: Command, tmp_path: Path) -> None:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "watchfiles.py").write_text(
        "raise ModuleNotFoundError(name='watchfiles')"
    )
    path = f"{tmp_path / 'hidden'}{os.pathsep}{cli.env['PYTHONPATH']}"
    hidden = cli.having(PYTHONPATH=path)
    with hud_dev(hidden, "-p", "0"):
        pass
    ended = hidden("dev", "-p", "0", "-w", "env.py")
    assert ended.returncode == 2
    assert "pip install 'hud-local[dev]'" in ended.stderr
