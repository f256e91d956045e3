"""A real controller: `python -m controller` on free ports, with a home and data of its own."""

from __future__ import annotations

import contextlib
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hud.client import Client
from hud.errors import ControllerUnavailable
from tests.command import Command, plain_environment
from tests.inside import Inside

PORTS = range(20_000, 32_000)
"""Below those that connections are given: until a controller listens, no other program may come
upon its port.
"""
START_SECONDS = 60.0
STOP_SECONDS = 20.0


@dataclass(frozen=True)
class RunningController:
    """A controller that answers."""

    url: str
    mcp_url: str
    folder: Path
    """Holds `home`, `data`, `workspace`, and `log`."""
    process: subprocess.Popen[str]

    @property
    def token(self) -> str:
        """What clients show."""
        return (self.folder / "data/token").read_text().strip()

    @property
    def workspace(self) -> Path:
        """The folder whose subfolders are environments."""
        return self.folder / "workspace"

    def client(self) -> Client:
        """A new client of it."""
        return Client(self.url, self.token)

    def hud(self, cwd: Path) -> Command:
        """The `hud` command of this controller's user, in a folder."""
        home = {"HUD_HOME": str(self.folder / "home/.hud"), "HUD_API_URL": self.url}
        env = plain_environment(self.folder / "home") | home
        return Command((sys.executable, "-P", "-m", "hud.cli"), cwd, env)

    def inside(self, cwd: Path) -> Inside:
        """The same command in this process, whose own home is another one."""
        user = self.hud(cwd).having(HUD_TOKEN_FILE=str(self.folder / "home/.hud/token"))
        return Inside(user.argv, user.cwd, user.env)

    def log(self) -> str:
        """What it wrote."""
        return (self.folder / "log").read_text(encoding="utf-8")


def free_port() -> int:
    """A port that nobody listens at."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


@contextlib.contextmanager
def running_controller(folder: Path, **variables: str) -> Iterator[RunningController]:
    """A controller with its data in a folder, until the block ends; again in the same folder, it
    goes on with the same data. No container engine answers it, unless `DOCKER_HOST` is given.
    """
    home = folder / "home"
    home.mkdir(parents=True, exist_ok=True)
    (folder / "workspace").mkdir(exist_ok=True)
    # In an empty workspace the controller puts the template, and evaluates it.
    (folder / "workspace/about.txt").write_text("environments of a test\n")
    api = int(variables.pop("HUD_API_PORT", 0)) or free_port()
    mcp = int(variables.pop("HUD_MCP_PORT", 0)) or free_port()
    env = plain_environment(home) | {
        "HUD_HOME": str(home / ".hud"),
        "HUD_DATA_DIR": str(folder / "data"),
        "HUD_WORKSPACE": str(folder / "workspace"),
        "HUD_API_PORT": str(api),
        "HUD_MCP_PORT": str(mcp),
        "DOCKER_HOST": "unix:///no/such/engine.sock",
    }
    with (folder / "log").open("a", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "controller"],
            cwd=folder,
            env=env | variables,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            text=True,
        )
    found = RunningController(f"http://127.0.0.1:{api}", f"http://127.0.0.1:{mcp}", folder, process)
    try:
        _wait(found)
        yield found
    finally:
        _end(process)


def _wait(controller: RunningController) -> None:
    deadline = time.monotonic() + START_SECONDS
    with Client(controller.url, "none") as client:
        while True:
            if controller.process.poll() is not None:
                raise AssertionError(f"the controller ended:\n{controller.log()}")
            try:
                client.health()
                return
            except ControllerUnavailable:
                if time.monotonic() > deadline:
                    raise AssertionError(f"no answer:\n{controller.log()}") from None
            time.sleep(0.05)


def _end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_SECONDS)
        raise
