"""Starts a server, or kills the one that runs and starts it again a second later:
`python restarting.py FOLDER PORT TOOLS COMMAND …`, where TOOLS are added to what it offers.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

DOWN_SECONDS = 1.0
START_SECONDS = 30.0


def main(folder: Path, port: int, tools: str, *command: str) -> None:
    mark = folder / "server.pid"
    if mark.exists():
        os.kill(int(mark.read_text()), signal.SIGKILL)
        time.sleep(DOWN_SECONDS)
    with (folder / "server.log").open("a") as log:
        server = subprocess.Popen(
            command,
            env={**os.environ, "EXTRA_TOOLS": tools},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    mark.write_text(str(server.pid))
    wait_until_open(port)


def wait_until_open(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing listens on port {port}")
        time.sleep(0.05)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
