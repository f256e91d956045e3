"""Debian's PostgreSQL, started for the tests."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT_USER = 0
SERVER_USER = "postgres"
DATABASE = "postgres"


def binaries() -> Path | None:
    """The folder with `initdb` and `pg_ctl`, if there is one."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = installed[-1] if installed else shutil.which("initdb")
    return Path(found).parent if found else None


@dataclass(frozen=True)
class Server:
    """A server that listens in its own folder only."""

    programs: Path
    folder: Path

    def new_schema(self, name: str) -> str:
        """Make room for a store of its own; its URL."""
        self.run("psql", "-h", str(self.folder), "-c", f"CREATE SCHEMA {name}", DATABASE)
        options = f"host={self.folder}&options=-csearch_path%3D{name}"
        return f"postgresql://{_user()}@/{DATABASE}?{options}"

    def start(self) -> None:
        options = f"-k {self.folder} -c listen_addresses= -c max_connections=100"
        log = str(self.folder / "log")
        self.run("pg_ctl", "-D", self.data, "-w", "-t", "60", "-o", options, "-l", log, "start")

    def stop(self, mode: str = "fast") -> None:
        """`immediate` is a crash: what was acknowledged is recovered from the log at the start."""
        self.run("pg_ctl", "-D", self.data, "-w", "-t", "60", "-m", mode, "stop")

    @property
    def data(self) -> str:
        return str(self.folder / "data")

    def run(self, program: str, *arguments: str) -> None:
        _run([str(self.programs / program), *arguments], self.folder)


@contextmanager
def server(programs: Path) -> Iterator[Server]:
    """A new server, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="hud-pg-") as folder:
        if os.getuid() == ROOT_USER:
            shutil.chown(folder, SERVER_USER)
        started = Server(programs, Path(folder))
        started.run("initdb", "-D", started.data, "-A", "trust", "--no-sync")
        started.start()
        try:
            yield started
        finally:
            started.stop("immediate")


def _user() -> str:
    return SERVER_USER if os.getuid() == ROOT_USER else getpass.getuser()


def _run(command: Sequence[str], folder: Path) -> None:
    """Run as the user that a server may run as; what it prints goes to a file, since the server
    keeps it open.
    """
    user = SERVER_USER if os.getuid() == ROOT_USER else None
    with (folder / "output").open("a") as output:
        subprocess.run(
            command, cwd=folder, user=user, stdout=output, stderr=output, check=True, timeout=90
        )
