"""Which files rollouts write at the same time. Processes of their own keep memory apart, not files.

A rollout that opens a file to write it, or an SQLite database, claims it in a folder that all
rollouts of a job have. A file that two of them claimed at one time, and that was changed, is told.
What other programs write is not seen, nor are lines that are appended.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NO_FILES = ("/dev/", "/proc/", "/sys/")
SHARED = ".shared"


@dataclass
class _Claim:
    """A file, as it was when this rollout opened it first."""

    path: str
    before: tuple[Any, ...]
    is_contested: bool


class Claims:
    """What this rollout writes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._claims: dict[str, _Claim] = {}
        self._is_busy = False
        self._pid = os.getpid()
        sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in ("open", "sqlite3.connect") or self._is_busy or os.getpid() != self._pid:
            return
        self._is_busy = True
        try:
            path = _opened_for_writing(event, arguments)
            if path is not None:
                self._claim(path)
        except (OSError, ValueError, TypeError):  # a path that is none; whoever opens it hears so
            return
        finally:
            self._is_busy = False

    def _claim(self, path: str) -> None:
        key = hashlib.sha1(path.encode(errors="surrogateescape")).hexdigest()
        if key not in self._claims:
            (self._folder / f"{key}.{self._pid}").touch()
            self._claims[key] = _Claim(path, _state(path), self._is_claimed_elsewhere(key))

    def _is_claimed_elsewhere(self, key: str) -> bool:
        pids = [int(claim.suffix[1:]) for claim in self._folder.glob(f"{key}.[0-9]*")]
        return any(_is_alive(pid) for pid in pids if pid != self._pid)

    def settle(self) -> None:
        """The rollout is over: tell what was shared, and give the claims up."""
        self._is_busy = True
        with contextlib.suppress(OSError):  # the job is over as well
            for key, claim in self._claims.items():
                contested = claim.is_contested or self._is_claimed_elsewhere(key)
                if contested and _state(claim.path) != claim.before:
                    (self._folder / f"{key}{SHARED}").write_text(claim.path, errors="replace")
                (self._folder / f"{key}.{self._pid}").unlink(missing_ok=True)


def shared_files(folder: Path) -> list[str]:
    """The files that rollouts wrote at the same time."""
    return sorted(path.read_text(errors="replace") for path in folder.glob(f"*{SHARED}"))


def _opened_for_writing(event: str, arguments: tuple[Any, ...]) -> str | None:
    if event == "open":
        path, _, flags = arguments
        writes = flags & (os.O_WRONLY | os.O_RDWR) and not flags & (os.O_APPEND | os.O_EXCL)
        if not writes or isinstance(path, int):
            return None
        name = os.fsdecode(path)
    else:
        name = os.fsdecode(arguments[0]).removeprefix("file:").partition("?")[0]
    if not name or ":memory:" in name:
        return None
    whole = os.path.realpath(name)
    # A folder is what `tempfile` says that it opens.
    return None if whole.startswith(NO_FILES) or os.path.isdir(whole) else whole


def _state(path: str) -> tuple[Any, ...]:
    """What changes when a file, or a database with its log, is written."""
    found: list[Any] = []
    for name in (path, f"{path}-wal"):
        try:
            stat = os.stat(name)
        except OSError:
            found.append(None)
        else:
            found.append((stat.st_ino, stat.st_size, stat.st_mtime_ns))
    return tuple(found)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
