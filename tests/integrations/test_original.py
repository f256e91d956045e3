"""The original SDK and this one speak to each other, in both directions."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path

import anyio
import pytest

from hud import Environment
from tests.environments.driving import FOLDER, LIMIT, REWARDS, imported, over_http, play_over
from tests.hud.environment.served import free_port, reachable
from tests.original import original_python, original_variables

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

CLIENT = """
import asyncio, json, sys
import hud
from hud import Environment

async def main(url):
    env = Environment("client").connect_url(url)
    guests = {"cleo": "cleo@example.org"}
    task = env("my-office:meeting", title="Kick-off", day="Monday", guests=guests)
    async with hud.eval(task, trace=False, quiet=True) as ctx:
        names = sorted(tool.name for tool in ctx.as_tools())
        await ctx.call_tool("add_event", title="Kick-off", day="Monday")
        sent = await ctx.call_tool("send_mail", to="cleo@example.org", subject="Hello")
        await ctx.submit('{"day": "Monday"}')
    told = {"reward": ctx.reward, "prompt": ctx.prompt, "tools": len(names)}
    print(json.dumps(told | {"sent": sent.structuredContent}))

asyncio.run(main(sys.argv[1]))
"""


@pytest.fixture(scope="session")
def original(pytestconfig: pytest.Config) -> Path:
    """The interpreter that has the original."""
    return original_python(pytestconfig)


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env=original_variables(),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


async def test_the_originals_client_drives_an_environment_of_ours(
    original: Path, tmp_path: Path
) -> None:
    async with over_http("office", tmp_path) as url:
        ended = await asyncio.to_thread(run, [str(original), "-c", CLIENT, url], tmp_path)
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout.splitlines()[-1])
    assert told["reward"] == 1.0
    assert told["prompt"].startswith("Arrange `Kick-off` for Monday")
    assert told["tools"] == 17
    assert told["sent"]["to"] == "cleo@example.org"


async def test_the_originals_scenario_command_grades_an_environment_of_ours(
    original: Path, tmp_path: Path
) -> None:
    arguments = json.dumps({"accounts": {"cash": 1.25, "bank": 2}})
    async with over_http("ledger", tmp_path) as url:
        words = ["scenario", "run", "total", "--args", arguments, "--answer", "3.25"]
        command = [str(original), "-m", "hud", *words, "--url", url]
        ended = await asyncio.to_thread(run, command, tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert '"reward": 1.0' in ended.stdout


@pytest.mark.parametrize("name", ["office", "ledger"])
async def test_an_environment_on_the_original_is_driven_over_stdio(
    original: Path, name: str
) -> None:
    config = {
        "command": str(original),
        "args": ["-c", "from env import env; env.run(transport='stdio')"],
        "cwd": str(FOLDER / name),
        "env": original_variables(),
    }
    with imported(name) as tasks:
        connected = Environment(tasks[0].env.name).connect_mcp(config)
        assert await play_over(connected, tasks, "oracle") == pytest.approx(REWARDS[name])


async def test_an_environment_on_the_original_is_driven_over_http(
    original: Path, tmp_path: Path
) -> None:
    port = free_port()
    code = f"from env import env; env.run(transport='http', host='127.0.0.1', port={port})"
    with (tmp_path / "log").open("wb") as log:
        process = await anyio.open_process(
            [str(original), "-c", code],
            cwd=FOLDER / "office",
            env=original_variables(),
            stdout=log,
            stderr=log,
        )
        try:
            async with asyncio.timeout(LIMIT):
                await reachable(port)
            with imported("office") as tasks:
                far = Environment("my_office").connect_url(f"http://127.0.0.1:{port}/mcp")
                earned = await play_over(far, tasks, "oracle")
        finally:
            process.terminate()
            await process.wait()
    assert earned == pytest.approx(REWARDS["office"])
