"""The real `hud` command, in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from tests.forking import Forking

ROOT = Path(__file__).parents[1]
NOWHERE = "http://127.0.0.1:9"
"""Where no controller answers, even if the developer's own one is up."""


@dataclass(frozen=True)
class Finished:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Command:
    """A command line, to be called with more arguments; it gets exactly the variables of `env`."""

    argv: tuple[str, ...]
    cwd: Path
    env: dict[str, str]
    forking: Forking | None = None
    """What it is forked from when it is called, and not started; None starts an interpreter."""

    def __call__(self, *arguments: str, stdin: str = "", timeout: float = 60.0) -> Finished:
        """Run it to its end; after `timeout` seconds its process group is killed."""
        if self.forking is not None and self.forking.suits(self.env):
            words = [*self.argv[self.argv.index("-m") + 1 :], *arguments]
            return Finished(*self.forking.run(words, self.cwd, self.env, stdin, timeout))
        process = self.start(*arguments)
        try:
            stdout, stderr = process.communicate(stdin, timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
        return Finished(process.returncode, stdout, stderr)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start it in a process group of its own; the caller ends it."""
        return subprocess.Popen(
            [*self.argv, *arguments],
            cwd=self.cwd,
            env=self.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def within(self, folder: Path) -> Command:
        """The same command, run in another folder."""
        return replace(self, cwd=folder)

    def afresh(self) -> Command:
        """The same command, in an interpreter that has nothing loaded."""
        return replace(self, forking=None)

    def having(self, **variables: str) -> Command:
        """The same command with more environment variables."""
        return replace(self, env={**self.env, **variables})


def plain_environment(home: Path) -> dict[str, str]:
    """The variables of a new user: no keys, no settings, no colour, and this checkout's `hud`."""
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "NO_COLOR": "1",
        "COLUMNS": "120",
        "HUD_API_URL": NOWHERE,
    }
