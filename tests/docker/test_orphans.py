"""What processes that were killed leave behind is gone after the next command, which says so."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hud.containers import Engine
from hud.containers.custody import left_at
from hud.containers.labels import Owner
from hud.containers.policy import NETWORKS
from tests.command import ROOT, Command
from tests.docker.images import ENVIRONMENTS

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.anyio]

KILLS = int(os.environ.get("SOAK_KILLS", "8"))
"""How many evaluations are killed; a soak is `SOAK_KILLS=50`."""
SANDBOX = '[tool.hud]\nnetwork = "internal"\nvolumes = ["/data"]\n'
OWNER = """
import anyio
from hud.containers import ContainerSpec, Engine, Sandbox

async def main():
    async with Engine() as engine:
        sandbox = Sandbox(network="internal", volumes=("/kept",))
        spec = ContainerSpec(image="python:3.11-slim", command=("sleep", "600"), sandbox=sandbox)
        await (await engine.create(spec)).start()
        print("up", flush=True)
        await anyio.sleep_forever()

anyio.run(main)
"""


def left_by(*pids: int) -> list[str]:
    """Containers and volumes of processes, by the engine's account; asking removes nothing."""
    form = '{{.Label "hud.owner"}} '
    lines: list[str] = []
    for command in (("container", "ls", "--all"), ("volume", "ls")):
        done = subprocess.run(
            ["docker", *command, "--format", form], capture_output=True, text=True, check=True
        )
        lines += done.stdout.split()
    return [line for line in lines if (owner := Owner.parse(line)) and owner.pid in pids]


def networks_in_use() -> set[str]:
    done = subprocess.run(
        ["docker", "ps", "--all", "--format", "{{.Networks}}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.replace(",", "\n").split())


def networks() -> set[str]:
    done = subprocess.run(
        ["docker", "network", "ls", "--format", "{{.Name}}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split()) & {NETWORKS["internal"], NETWORKS["internet"]}


def watchdogs(owner: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes()
        except OSError:
            continue
        if b"hud.containers.watching" in command and f":{owner}:".encode() in command:
            found.append(int(entry.parent.name))
    return found


def kill_with_watchdogs(process: subprocess.Popen[str]) -> None:
    for watchdog in watchdogs(process.pid):
        os.kill(watchdog, signal.SIGKILL)
    process.kill()
    process.wait()


def test_what_a_living_process_has_is_listed_and_what_a_dead_one_left_is_removed(
    hud_cli: Command,
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        listed = json.loads(hud_cli("ps", "--json").stdout)
        mine = [item for item in listed if item["owner"] == f"process {process.pid}, alive"]
        assert sorted(item["kind"] for item in mine) == ["container", "volume"]
        assert hud_cli("clean").returncode == 0
        assert len(left_by(process.pid)) == 2
        kill_with_watchdogs(process)
        assert len(left_by(process.pid)) == 2
        ended = hud_cli("clean")
        assert ended.returncode == 0
        assert "removed what dead processes had left" in ended.stderr
        assert left_by(process.pid) == []


@pytest.fixture
def kept_by() -> str:
    """The keeper of a container whose owner was killed."""
    owner = OWNER.replace("sandbox=sandbox)", "sandbox=sandbox, keeper='test-kept')")
    command = [sys.executable, "-c", owner]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        process.stdout.readline()
        kill_with_watchdogs(process)
    return "test-kept"


async def test_many_that_find_a_kept_container_at_once_agree(kept_by: str) -> None:
    async with contextlib.AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(stack.enter_async_context(Engine()))
    async with Engine() as engine:
        (found,) = await engine.kept(kept_by)
        assert left_at(found.name) is not None
        await engine.remove(found)


@pytest.mark.parametrize("watched", [True, False])
def test_evaluations_that_are_killed_at_random_leave_nothing_after_the_next_command(
    trouble: str, hud_cli: Command, watched: bool
) -> None:
    folder = hud_cli.cwd / "hud-test-trouble"
    shutil.copytree(ENVIRONMENTS / "trouble", folder)
    (folder / "pyproject.toml").write_text(SANDBOX)
    arguments = ("eval", "tasks.json", "oracle", "--task-ids", "works", "--group", "30")
    evaluate = hud_cli.within(folder)
    assert evaluate("build", "--tag", "hud-test-trouble", timeout=120).returncode == 0
    killed = []
    moments = random.Random(KILLS + watched)
    for _ in range((KILLS + 1) // 2):
        process = evaluate.start(*arguments, "--isolation", "container")
        killed.append(process.pid)
        time.sleep(moments.uniform(0.2, 4.0))
        if watched:
            process.kill()
        else:
            kill_with_watchdogs(process)
        process.communicate()
    assert hud_cli("ps").returncode == 0
    assert left_by(*killed) == []
    assert networks() <= networks_in_use()
