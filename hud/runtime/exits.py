"""How processes ended, and ending them; light, for what has to start soon."""

from __future__ import annotations

import contextlib
import os
import signal


def describe_status(status: int | None) -> str:
    """How a process ended, in words."""
    if status is None:
        return "closed its connection"
    if status >= 0:
        return f"ended with exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"ended with {name}" + (" (killed; out of memory?)" if name == "SIGKILL" else "")


def kill_group(leader: int) -> None:
    """Kill a process and its group."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(leader, signal.SIGKILL)
