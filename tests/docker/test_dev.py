"""`hud dev` with an image: reloaded inside, restarted or rebuilt, and nothing left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from hud.containers import ContainerSpec, Engine, Sandbox
from tests.command import Command
from tests.docker.images import sdk_image
from tests.hud.dev.live import (
    DevServer,
    answer,
    call_and_lose,
    connected,
    hud_dev,
    source,
    until,
)

pytestmark = [pytest.mark.docker, pytest.mark.anyio]

DOCKERFILE = """\
FROM {image}
WORKDIR /app
COPY . .
CMD ["hud", "dev", "env:env", "--stdio"]
"""
HANGING = """

@env.tool()
async def hang() -> None:
    import asyncio

    await asyncio.sleep(600)
"""
FOREIGN_SERVER = """\
import json, sys
from pathlib import Path

print("the server starts", file=sys.stderr)
for line in sys.stdin:
    message = json.loads(line)
    result = {}
    if message.get("method") == "initialize":
        version = message["params"]["protocolVersion"]
        result = {"protocolVersion": version, "capabilities": {"tools": {}},
                  "serverInfo": {"name": "foreign", "version": "1"}}
    elif message.get("method") == "tools/list":
        result = {"tools": [{"name": "version", "inputSchema": {"type": "object"}}]}
    elif message.get("method") == "tools/call":
        result = {"content": [{"type": "text", "text": "0"}]}
    elif "id" not in message:
        continue
    elif message["method"] not in ("ping",):
        error = {"code": -32601, "message": "no such method"}
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "error": error}), flush=True)
        continue
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
"""
FOREIGN_DOCKERFILE = """\
FROM python:3.11-slim
WORKDIR /srv
COPY server.py .
CMD ["python", "-u", "server.py"]
"""


@pytest.fixture(scope="session")
def sdk() -> str:
    async def build() -> str:
        async with Engine() as engine:
            return await sdk_image(engine)

    return anyio.run(build)


@pytest.fixture
def cli(hud_cli: Command, tmp_path: Path, sdk: str) -> Command:
    """The command in a folder with an environment and a Dockerfile."""
    folder = tmp_path / "hud-test-dev"
    folder.mkdir()
    (folder / "tools").mkdir()
    (folder / "tools" / "numbers_of_mine.py").write_text("NUMBER = 1\n")
    (folder / "env.py").write_text(source(0))
    (folder / "Dockerfile").write_text(DOCKERFILE.format(image=sdk))
    return hud_cli.within(folder)


def containers_of(server: DevServer) -> list[str]:
    """The containers of a session, by id."""
    return docker("ps", "-q", "--filter", f"label=hud.run=dev-{server.process.pid}").split()


def docker(*arguments: str) -> str:
    done = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def none_soon(server: DevServer, seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while containers_of(server) and time.monotonic() < deadline:
        time.sleep(0.2)
    return not containers_of(server)


@pytest.fixture
def server(cli: Command) -> Iterator[DevServer]:
    with hud_dev(cli, "env:env", "-w", "env.py", "-w", "tools", "-p", "0") as running:
        yield running
    assert none_soon(running)
    assert not list((cli.cwd / ".hud" / "dev").glob("*"))


@pytest.mark.parametrize("era", ["legacy", "auto"])
async def test_python_is_reloaded_inside_the_container(server: DevServer, era: str) -> None:
    before = containers_of(server)
    async with connected(server, era) as client:
        assert await answer(client) == 0
        await server.reloaded(source(1))
        assert await answer(client) == 1
        draft = server.folder / "draft"
        draft.write_text(source("NUMBER", "\nfrom tools.numbers_of_mine import NUMBER\n"))
        lines = len(server.lines)
        draft.replace(server.env)
        assert "reloaded in" in await server.heard("→ re", lines)
        assert await answer(client) == 1
        lines = len(server.lines)
        (server.folder / "tools" / "numbers_of_mine.py").write_text("NUMBER = 7\n")
        await server.heard("`tools/numbers_of_mine.py` changed → reloaded", lines)
        assert await answer(client) == 7
        await server.heard("✗ .*SyntaxError.*the last good version", server.save("x = ("))
        assert await answer(client) == 7
    assert containers_of(server) == before


async def test_clients_share_the_container_but_not_their_scenarios(server: DevServer) -> None:
    async with connected(server, "legacy") as one, connected(server, "legacy") as two:
        for client, word in ((one, "four"), (two, "eleven")):
            arguments: dict[str, Any] = {"name": "count", "arguments": {"word": word}}
            await client.call_tool("hud_scenario_start", arguments)
        for client, count in ((one, "4"), (two, "6")):
            graded = await client.call_tool("hud_scenario_submit", {"answer": count})
            assert graded.structured_content is not None
            assert graded.structured_content["reward"] == 1.0
        assert len(containers_of(server)) == 1


async def test_a_container_that_is_killed_is_replaced(server: DevServer) -> None:
    async with connected(server, "legacy") as client:
        (killed,) = containers_of(server)
        lines = len(server.lines)
        docker("kill", killed)
        await server.heard("the container ended by SIGKILL.* → re", lines)
        assert await answer(client) == 0
        assert containers_of(server) != [killed]


async def test_what_the_container_prints_is_shown(server: DevServer) -> None:
    noise = '\nprint("printed at import")\nimport os\nos.system("echo from below")\n'
    await server.reloaded(source(1, noise))
    await server.heard("^printed at import$")
    await server.heard("^from below$")


async def test_the_recipe_and_what_only_the_image_holds_are_built_again(cli: Command) -> None:
    (cli.cwd / "data.txt").write_text("old")
    reads = '\nfrom pathlib import Path\nTEXT = Path("data.txt").read_text()\n'
    (cli.cwd / "env.py").write_text(source("TEXT", reads).replace("-> int", "-> str"))
    with hud_dev(cli, "env:env", "-w", ".", "-p", "0") as server:
        before = containers_of(server)
        async with connected(server, "legacy") as client:
            assert await answer(client) == "old"
            lines = len(server.lines)
            (cli.cwd / "data.txt").write_text("new")
            await server.heard("`data.txt` changed → reloaded", lines)
            assert await answer(client) == "new"
            lines = len(server.lines)
            recipe = (cli.cwd / "Dockerfile").read_text()
            (cli.cwd / "Dockerfile").write_text(f"{recipe}RUN echo built > /built\n")
            await server.heard("`Dockerfile` changed → rebuilt", lines)
            assert await answer(client) == "new"
            after = containers_of(server)
            lines = len(server.lines)
            (cli.cwd / "Dockerfile").write_text(f"{recipe}RUN exit 3\n")
            await server.heard("✗ `Dockerfile` changed → the build of .* failed", lines)
            assert await answer(client) == "new"
        assert before != after
        assert docker("exec", after[0], "cat", "/built") == "built"


async def test_an_image_without_our_sdk_is_restarted_behind_the_same_session(
    hud_cli: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "hud-test-foreign"
    folder.mkdir()
    (folder / "server.py").write_text(FOREIGN_SERVER)
    (folder / "Dockerfile").write_text(FOREIGN_DOCKERFILE)
    with hud_dev(hud_cli.within(folder), "-w", "server.py", "-p", "0") as server:
        await server.heard("^the server starts$")
        async with connected(server, "legacy") as client:
            assert await answer(client) == "0"
            lines = len(server.lines)
            (folder / "server.py").write_text(FOREIGN_SERVER.replace('"text": "0"', '"text": "1"'))
            await server.heard("`server.py` changed → restarted", lines)
            assert await answer(client) == "1"
            lines = len(server.lines)
            (folder / "server.py").write_text("1 / 0")
            await server.heard("✗ .*the last good version serves on", lines)
            assert any("ZeroDivisionError" in line for line in server.lines[lines:])
            assert await answer(client) == "1"
    assert none_soon(server)


async def test_an_image_is_served_as_it_is_and_each_client_may_have_its_own_container(
    hud_cli: Command, cli: Command
) -> None:
    docker("build", "-q", "-t", "hud-test-dev-image", str(cli.cwd))
    with hud_dev(hud_cli, "hud-test-dev-image", "-p", "0", "--per-client") as server:
        async with connected(server, "legacy") as one, connected(server, "legacy") as two:
            assert [await answer(one), await answer(two)] == [0, 0]
            assert len(containers_of(server)) == 2
    assert none_soon(server)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_nothing_is_left_however_it_ends(cli: Command, number: int) -> None:
    with hud_dev(cli, "env:env", "-w", "env.py", "-p", "0") as server:
        assert containers_of(server)
        started = time.monotonic()
        status = await anyio.to_thread.run_sync(server.end, number)
        assert status == (0 if number == signal.SIGTERM else -signal.SIGKILL)
        assert time.monotonic() - started < 10
        assert none_soon(server)


async def test_a_build_under_way_ends_with_it(cli: Command) -> None:
    recipe = (cli.cwd / "Dockerfile").read_text()
    stamp = f"{os.getpid()}{time.monotonic_ns()}"
    (cli.cwd / "Dockerfile").write_text(f"{recipe}RUN sleep 300; echo {stamp}\n")
    with hud_dev(cli, "env:env", "-p", "0", ready=False) as server:
        await server.heard(f"RUN sleep 300; echo {stamp}")
        started = time.monotonic()
        assert await anyio.to_thread.run_sync(server.end, signal.SIGTERM) == 0
        assert time.monotonic() - started < 10


async def test_a_signal_ends_it_amid_a_build_a_call_and_open_streams(cli: Command) -> None:
    (cli.cwd / "env.py").write_text(source(0, HANGING))
    recipe, stamp = cli.cwd / "Dockerfile", f"{os.getpid()}{time.monotonic_ns()}"
    with hud_dev(cli, "env:env", "-w", "Dockerfile", "-w", "env.py", "-p", "0") as server:
        async with anyio.create_task_group() as tasks:
            for era in ("legacy", "auto"):
                tasks.start_soon(call_and_lose, server, era)
            await until(lambda: server.status()["calls"] == 2)
            recipe.write_text(f"{recipe.read_text()}RUN sleep 300; echo {stamp}\n")
            await server.heard(f"RUN sleep 300; echo {stamp}")
            started = time.monotonic()
            assert await anyio.to_thread.run_sync(server.end) == 0
            assert time.monotonic() - started < 10
            tasks.cancel_scope.cancel()
    assert none_soon(server)


def test_a_variable_is_passed_on_when_it_is_named(cli: Command) -> None:
    reads = '\nimport os\nprint("variables", os.environ.get("GIVEN"), os.environ.get("OTHER"))\n'
    (cli.cwd / "env.py").write_text(source(0, reads))
    having = cli.having(GIVEN="yes", OTHER="no")
    with hud_dev(having, "env:env", "-p", "0", "-e", "GIVEN") as server:
        server.wait_for("^variables yes None$")


def test_a_published_image_answers_over_standard_streams(cli: Command) -> None:
    docker("build", "-q", "-t", "hud-test-dev-image", str(cli.cwd))
    about = {"name": "t", "version": "1"}
    params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": about}
    lines = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
    ]
    command = ["docker", "run", "--rm", "-i", "hud-test-dev-image"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        client.stdin.write("".join(json.dumps(line) + "\n" for line in lines))
        client.stdin.flush()
        first, second = (json.loads(client.stdout.readline()) for _ in range(2))
        client.stdin.close()
        assert client.stdout.read() == ""
    assert first["result"]["serverInfo"]["name"] == "live"
    assert [tool["name"] for tool in second["result"]["tools"]] == ["version"]


async def test_over_http_in_a_container_it_is_reached_from_outside_by_a_local_name(
    cli: Command,
) -> None:
    docker("build", "-q", "-t", "hud-test-dev-image", str(cli.cwd))
    spec = ContainerSpec(
        image="hud-test-dev-image",
        command=("hud", "dev", "env:env", "--port", "8080"),
        sandbox=Sandbox(network="internal"),
    )
    async with Engine() as engine, engine.container(spec) as container:
        await container.start()
        host, port = await container.address(8080)
        url = f"http://{host}:{port}/status"
        await until(lambda: ask(url, "localhost").get("state") == "serving")
        assert ask(url, "localhost")["counts"]["tools"] == 1
        assert ask(url, "evil.example") == {"status": 421}


def ask(url: str, host: str) -> dict[str, Any]:
    try:
        answered = httpx.get(url, headers={"host": host}, timeout=5, trust_env=False)
    except httpx.TransportError:
        return {}
    found: dict[str, Any] = {"status": answered.status_code}
    return answered.json() if answered.status_code == 200 else found
