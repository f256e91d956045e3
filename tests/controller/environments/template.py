"""Environments that tests put into a workspace, and clients of them."""

from __future__ import annotations

import contextlib
import os
import shutil
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from hud.client import Client
from hud.dev.caller import Caller
from hud.errors import HudError
from hud.wire.platform import BuildRecord, DeployOptions, EnvironmentRecord, EnvironmentState

SECONDS = 40.0
"""How long anything may take here; the machine may be busy."""
REPOSITORY = Path(__file__).parents[3]
ENV = '''"""An environment."""
import os

from hud import Environment

env = Environment("{name}")
count = 0


@env.tool()
def version() -> int:
    """Which version this is."""
    return {version}


@env.tool()
def bump() -> int:
    """Count, in this instance."""
    global count
    count += 1
    return count


@env.tool()
def show(name: str) -> str:
    """A variable."""
    print("showing", os.environ.get(name, "nothing"))
    return os.environ.get(name, "nothing")


@env.scenario("spell")
async def spell(word: str):
    """Spell a word."""
    answer = yield f"Spell {{word}}"
    yield 1.0 if answer == word else 0.0
'''

T = TypeVar("T")


def source(name: str, version: int = 0) -> str:
    """An environment's file."""
    return ENV.format(name=name, version=version)


def put(workspace: Path, name: str, version: int = 0, pyproject: str = "") -> Path:
    """Put an environment into a folder of the workspace; returns its file."""
    folder = workspace / name
    folder.mkdir(parents=True, exist_ok=True)
    if pyproject:
        (folder / "pyproject.toml").write_text(pyproject)
    (folder / "env.py").write_text(source(name, version))
    return folder / "env.py"


def put_template(workspace: Path, name: str, *, dockerfile: bool = False) -> Path:
    """Put a copy of the template there; returns its file."""
    skipped = ["__pycache__"] if dockerfile else ["__pycache__", "Dockerfile"]
    ignored = shutil.ignore_patterns(*skipped)
    shutil.copytree(REPOSITORY / "env_template", workspace / name, ignore=ignored)
    return workspace / name / "env.py"


def until(
    what: Callable[[], T | None], seconds: float = SECONDS, told: Callable[[], object] = str
) -> T:
    """What a question answers once it is not None; errors of ours count as not yet. `told` says
    what there is instead.
    """
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(HudError):
            if (found := what()) is not None:
                return found
        assert time.monotonic() < deadline, f"it did not happen in time: {told()}"
        time.sleep(0.05)


def settled(client: Client, name: str, state: EnvironmentState = "running") -> EnvironmentRecord:
    """An environment once it is in a state."""

    def look() -> EnvironmentRecord | None:
        record = client.environment(name)
        return record if record.state == state else None

    return until(look, told=lambda: client.environment(name))


def deployed(client: Client, folder: Path, name: str | None = None) -> BuildRecord:
    """What became of a folder's deployment."""
    archive = folder.parent / f"{folder.name}.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, arcname=".")
    begun = client.deploy(archive, DeployOptions(name=name))

    def look() -> BuildRecord | None:
        record = client.build(begun.id)
        return record if record.status != "running" else None

    return until(look)


def connected(url: str) -> Caller:
    """An MCP client with a session there."""

    def connect() -> Caller:
        caller = Caller(url, seconds=SECONDS)
        caller.open()
        return caller

    return until(connect)


def call(caller: Caller, tool: str, **arguments: Any) -> str:
    """The text of what a tool answers."""
    result = caller.ask("tools/call", {"name": tool, "arguments": arguments})
    return str(result["content"][0]["text"])


def processes_of(folder: Path) -> list[int]:
    """The processes whose environment names a controller's folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                environment = (entry / "environ").read_bytes()
            except OSError:
                continue
            if f"HUD_HOME={folder}".encode() in environment:
                found.append(int(entry.name))
    return found
