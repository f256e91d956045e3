"""Starting a zygote before anything else is imported: its libraries load while ours do."""

from __future__ import annotations

import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PROGRAM = Path(__file__).with_name("start.py")


@dataclass(frozen=True)
class Launched:
    """A process that was started early, and the socket that it takes orders on."""

    process: subprocess.Popen[bytes]
    control: socket.socket


def launch() -> Launched:
    """Start a zygote; what it and its children print goes to this process's standard error.

    Raises:
        OSError: the operating system refuses.
    """
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with theirs:
        # Without -P a file of the author's could take the place of a library's module.
        command = [sys.executable, "-P", str(PROGRAM), str(theirs.fileno())]
        process = subprocess.Popen(
            command,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=2,
            process_group=0,
        )
    return Launched(process, ours)
