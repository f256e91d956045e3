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

import psycopg
from psycopg import sql

ROOT_USER = 0
SERVER_USER = "postgres"
DATABASE = "postgres"
NO_POWER_CUT = "-c fsync=off -c full_page_writes=off"
"""Nothing that tests do to a server takes away what it left to the operating system to write."""
LOCK_SECONDS = 20


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
        options = f"-k {self.folder} -c listen_addresses= -c max_connections=100 {NO_POWER_CUT}"
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


def empty(url: str, tables: Sequence[str]) -> None:
    """Take everything out of these tables, and let their numbers begin anew."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
        names = sql.SQL(", ").join(map(sql.Identifier, tables))
        connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY CASCADE").format(names))


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
