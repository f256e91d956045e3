"""The port that clients connect to: taken by us, or an error that says by whom else."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from hud.errors import UserError

LOOPBACK = ("127.0.0.1", "::1")
EVERY_INTERFACE = ("0.0.0.0", "::")
BACKLOG = 2048
LISTENING = "0A"
"""State of a listening socket in `/proc/net/tcp`."""


def listen(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen there; for `localhost`, on both of its addresses.

    Raises:
        UserError: the port is taken, or the address is not this machine's.
    """
    listeners: list[socket.socket] = []
    try:
        for address in LOOPBACK if host == "localhost" else (host,):
            with _without_second_address(bool(listeners)):
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                listeners.append(
                    socket.create_server((address, port), family=family, backlog=BACKLOG)
                )
                port = listeners[0].getsockname()[1]
    except OSError as exc:
        for listener in listeners:
            listener.close()
        raise _refusal(host, port, exc) from exc
    return listeners


@contextlib.contextmanager
def _without_second_address(is_second: bool) -> Iterator[None]:
    """Do without IPv6 where the machine has none."""
    try:
        yield
    except OSError as exc:
        if not is_second or exc.errno == errno.EADDRINUSE:
            raise


def _refusal(host: str, port: int, exc: OSError) -> UserError:
    if exc.errno != errno.EADDRINUSE:
        return UserError(f"cannot listen at {host}:{port}: {exc.strerror}")
    owner = owner_of(port)
    by = f" by `{owner}`" if owner else ""
    return UserError(f"port {port} is taken{by}", hint=f"end that, or: hud dev -p {port + 1} …")


def owner_of(port: int) -> str | None:
    """The command, with its process id, that listens on a TCP port of this machine, if that can be
    found out.
    """
    inodes = {inode for table in ("tcp", "tcp6") for inode in _listening(table, port)}
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for process in Path("/proc").glob("[0-9]*") if wanted else ():
        with contextlib.suppress(OSError):
            links = (os.readlink(link) for link in (process / "fd").iterdir())
            if not wanted.isdisjoint(links):
                words = (process / "cmdline").read_bytes().replace(b"\0", b" ")
                return f"{words.decode(errors='replace').strip()} (process {process.name})"
    return None


def _listening(table: str, port: int) -> Iterator[str]:
    try:
        lines = Path("/proc/net", table).read_text().splitlines()[1:]
    except OSError:
        return
    for line in lines:
        fields = line.split()
        if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
            yield fields[9]
