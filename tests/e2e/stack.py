"""The real compose stack for tests: its own project and ports, a workspace that is a link to a
folder with a space.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hud.client import Client
from tests.command import ROOT
from tests.controller.running import free_port

PROJECT = "hud-test-platform"
BUILD_SECONDS = 400.0
SECONDS = 120.0


@dataclass(frozen=True)
class Stack:
    """A stack that is up."""

    folder: Path
    env: dict[str, str]

    @property
    def workspace(self) -> Path:
        """The folder whose subfolders are environments."""
        return Path(self.env["HUD_WORKSPACE"])

    @property
    def mcp_url(self) -> str:
        """Where environments are served."""
        return f"http://localhost:{self.env['HUD_MCP_PORT']}"

    @property
    def dashboard_url(self) -> str:
        """Where the pages are."""
        return f"http://localhost:{self.env['HUD_DASHBOARD_PORT']}"

    def client(self) -> Client:
        """A client with the token that the `hud` command of this machine finds."""
        token = (Path(self.env["HUD_HOME"]) / "token").read_text().strip()
        return Client(f"http://127.0.0.1:{self.env['HUD_API_PORT']}", token)

    def compose(self, *arguments: str, seconds: float = SECONDS) -> str:
        """What `docker compose` prints; it has to succeed."""
        command = ["docker", "compose", "--project-name", PROJECT, *arguments]
        ended = subprocess.run(
            command, cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=seconds
        )
        assert ended.returncode == 0, ended.stderr + ended.stdout
        return ended.stdout

    def inspect(self, service: str) -> dict[str, Any]:
        """What the engine says of a service's container."""
        found: dict[str, Any] = json.loads(docker("inspect", self.container(service)))[0]
        return found

    def container(self, service: str) -> str:
        """The id of a service's container."""
        return self.compose("ps", "--all", "--quiet", service).strip()

    def up(self) -> None:
        """Start it, or what of it does not run, and wait until all of it is healthy."""
        self.compose("up", "--detach", "--wait", "--wait-timeout", "120", seconds=BUILD_SECONDS)


@contextmanager
def running_stack(folder: Path, **variables: str) -> Iterator[Stack]:
    """Build the images and start a stack; nothing of it is left after the block."""
    (folder / "my environments").mkdir(parents=True)
    workspace = folder / "linked"
    workspace.symlink_to("my environments")
    folders = {"HUD_WORKSPACE": str(workspace), "HUD_HOME": str(folder / "home")}
    names = ("HUD_API_PORT", "HUD_MCP_PORT", "HUD_DASHBOARD_PORT")
    ports = {name: str(free_port()) for name in names}
    stack = Stack(folder, {**os.environ, **folders, **ports, **variables})
    stack.compose("build", seconds=BUILD_SECONDS)
    try:
        yield stack
        controller = stack.container("controller")
    finally:
        stack.compose("down", "--volumes", "--remove-orphans")
        shutil.rmtree(folder, ignore_errors=True)
    assert environments_of(controller) == set()


def environments_of(controller: str) -> set[str]:
    """The ids of the environments' containers that the controller in a container has made."""
    shown = docker("ps", "--all", "--format", '{{.ID}} {{.Label "hud.owner"}}')
    owners = dict(line.split(" ", 1) for line in shown.splitlines())
    return {id for id, owner in owners.items() if owner.startswith(controller[:12])}


def serving(*environments: str) -> set[str]:
    """The ids of the containers that serve environments of the workspace to clients."""
    shown = docker("ps", "--all", "--format", '{{.ID}} {{.Label "hud.kept-for"}}')
    found = [line.split(" ", 1) for line in shown.splitlines()]
    return {id for id, name in found if name in environments}


def docker(*arguments: str) -> str:
    """What `docker` prints."""
    return subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, check=True, timeout=SECONDS
    ).stdout
