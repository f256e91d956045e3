"""A small process that outlives its owner by seconds, to remove the containers of one that was
killed: the owner's side.

It is a session of its own, so that Ctrl-C and a closed terminal do not reach it, and it is not a
child of the owner, so that it leaves no zombie. What it does is in `watching`.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hud.containers.labels import this_process

logger = logging.getLogger(__name__)

DONE = b"."
"""What the owner tells a watchdog that it needs no more."""

_BOOT = """
import os, sys
if os.fork():
    os._exit(0)
sys.path.append(sys.argv[1])
from hud.containers.watching import watch
watch(sys.argv[2], sys.argv[3])
"""


@dataclass
class _Guard:
    line: int
    """File descriptor on which the watchdog can be told that it is not needed any more."""
    users: int


_guards: dict[tuple[int, str], _Guard] = {}
_changing = threading.Lock()


def guard(host: str) -> None:
    """Give the calling process a watchdog for the engine at `host`, until `release`. Without a
    host it is the one that the environment names.
    """
    key = (os.getpid(), host)
    with _changing:
        if key in _guards:
            _guards[key].users += 1
        elif hasattr(os, "fork") and (line := _start(host)) is not None:
            _guards[key] = _Guard(line, users=1)


def release(host: str) -> None:
    """Undo one `guard`; with the last one the watchdog ends at once."""
    key = (os.getpid(), host)
    with _changing:
        if key not in _guards:
            return
        found = _guards[key]
        found.users -= 1
        if found.users == 0:
            del _guards[key]
            with suppress(BrokenPipeError):
                os.write(found.line, DONE)
            os.close(found.line)


def _start(host: str) -> int | None:
    listening, line = os.pipe()
    try:
        root = str(Path(__file__).resolve().parents[2])
        subprocess.run(
            [sys.executable, "-P", "-c", _BOOT, root, str(this_process()), host],
            stdin=listening,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
            check=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        logger.warning("no watchdog: a killed process leaves its containers to the next: %s", error)
        os.close(line)
        return None
    finally:
        os.close(listening)
    return line
