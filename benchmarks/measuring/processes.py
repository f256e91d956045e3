"""Processes that are measured: their time, their memory, their processor time.

What is told of a process under way comes from /proc, so it is there on Linux only.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHORTEST_POLL, LONGEST_POLL = 0.002, 0.03
"""Seconds between two looks at a process; the longer it runs, the longer they are."""


@dataclass(frozen=True)
class Usage:
    """What a command took."""

    seconds: float
    memory: float
    """Most memory (RSS) that its own process held, in MB."""
    child_memory: float
    """Most memory that one of its child processes held, in MB; 0 if it had none."""


def environment(home: Path, **variables: str) -> dict[str, str]:
    """The variables of a user without keys and settings, with this checkout's `hud`."""
    path = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    plain = {
        "PATH": os.pathsep.join(path),
        "PYTHONPATH": str(ROOT),
        "HOME": str(home),
        "HUD_HOME": str(home),
        "LANG": "C.UTF-8",
        "COLUMNS": "120",
    }
    return plain | variables


def run(argv: Sequence[str], folder: Path, env: Mapping[str, str]) -> Usage:
    """Run a command to its end, and look at its memory meanwhile.

    Raises:
        SystemExit: it failed.
    """
    log = folder / "command.txt"
    with log.open("w") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            argv, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        peak = _Peak(process.pid)
        status = process.wait()
        seconds = time.perf_counter() - started
        peak.stop()
    if status:
        raise SystemExit(f"{argv} ended with {status}:\n{log.read_text()}")
    return Usage(seconds, peak.memory, peak.child_memory)


class _Peak:
    """Looks at the memory of a process and of its children again and again.

    The kernel's own figure would not do: in a child it starts with what its parent held, and it
    takes a process and its children for one.
    """

    def __init__(self, pid: int) -> None:
        self.memory = self.child_memory = 0.0
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        pause, started = SHORTEST_POLL, time.perf_counter()
        while not self._ended.wait(pause):
            pause = min(LONGEST_POLL, max(SHORTEST_POLL, (time.perf_counter() - started) / 30))
            self.memory = max(self.memory, _peak_memory(self._pid))
            self.child_memory = max([self.child_memory, *map(_peak_memory, _children(self._pid))])

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()


def processor_seconds(pid: int) -> float:
    """Processor time of a process and of everything that it started."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    own = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK") if fields else 0.0
    return own + sum(map(processor_seconds, _children(pid)))


def _peak_memory(pid: int) -> float:
    """Most memory that a process has held so far, in MB; 0 if it is gone."""
    for line in _read(f"/proc/{pid}/status").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _children(pid: int) -> list[int]:
    """The processes that a process has started and that are still there."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in lists for child in _read(str(path)).split()]


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
