"""Which saved files matter, and what to do about them. Watching is one generator; deciding is pure.

1. Only what was named is watched; a file is watched through its folder, so that editors may replace
   it.
2. A change counts if the content differs (by hash): touching a file, or saving it unchanged, does
   nothing.
3. The ladder: rebuild files → rebuild; files that only the image holds → restart; watched source →
   reload.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib
import os
import re
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from types import ModuleType

from hud.errors import UserError

DEBOUNCE_MS = 50
"""A burst of saves is one change: the files have to rest this long."""
STEP_MS = 10
POLL_MS = 300
LOOKING_SHARE = 4
"""How much longer than a look at all files the pause after it is, at least."""
IGNORED_FOLDERS = frozenset(
    {
        "__pycache__",
        ".git",
        ".hg",
        ".svn",
        ".venv",
        "venv",
        "node_modules",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
        ".hud",
    }
)
IGNORED_SUFFIXES = (".pyc", ".pyo", ".swp", ".swx", ".tmp", "~")
REBUILD_NAMES = (
    "Dockerfile",
    "Dockerfile.hud",
    ".dockerignore",
    "pyproject.toml",
    "uv.lock",
    "poetry.lock",
)


SILENT_FILE_SYSTEMS = (
    "9p",
    "cifs",
    "fakeowner",
    "fuse.",
    "grpcfuse",
    "nfs",
    "osxfs",
    "prl_fs",
    "smb",
    "vboxsf",
    "virtiofs",
    "vmhgfs",
)
"""How the names begin of file systems that another machine, or the host of a virtual one, writes
to.
"""
TALKING_FILE_SYSTEMS = ("fuse.fuse-overlayfs",)
UNKNOWN = "unknown"
"""Stands for the hash of a file that was changed before it was read."""

Stamp = tuple[int, int, int]
"""What tells one state of a file from another: when it was written, its size, which file it is."""


class Step(IntEnum):
    """The steps of the ladder, the cheapest first."""

    NOTHING = 0
    RELOAD = 1
    RESTART = 2
    REBUILD = 3


@dataclass(frozen=True)
class Action:
    """What to do, and why."""

    step: Step
    cause: str
    """In words: which files changed."""


@dataclass(frozen=True)
class WatchList:
    """The named files and folders, resolved; and which of them the running code is mounted from."""

    paths: tuple[Path, ...]
    root: Path
    """Where causes are told relative to."""
    mounted: tuple[Path, ...] | None = None
    """Paths that a container sees; None where the code runs on this machine."""

    @classmethod
    def of(
        cls, names: Iterable[str], root: Path, *, mounted: Iterable[Path] | None = None
    ) -> WatchList:
        """The watch list for these names.

        Raises:
            UserError: a name does not exist, or a link leads out of `root`.
        """
        paths = tuple(dict.fromkeys(_resolved(name, root) for name in names))
        return cls(paths, root.resolve(), None if mounted is None else tuple(mounted))

    def folders(self) -> dict[Path, bool]:
        """The folders to watch, each with whether what is below it counts too."""
        folders: dict[Path, bool] = {}
        for path in self.paths:
            if path.is_dir():
                folders[path] = True
            folders.setdefault(path.parent, False)
        return folders

    def covers(self, path: Path) -> bool:
        """Whether a change of this file counts."""
        if any(part in IGNORED_FOLDERS for part in path.parts[len(self.root.parts) :]):
            return False
        if path.name.endswith(IGNORED_SUFFIXES) or path.name.startswith((".#", "4913")):
            return False
        return any(path == named or named in path.parents for named in self.paths)

    def relative(self, path: Path) -> str:
        """A path for the reader."""
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)


def _resolved(name: str, root: Path) -> Path:
    path = root / name
    if not path.exists():
        raise UserError(f"`{name}` cannot be watched: it does not exist")
    resolved = path.resolve()
    if not resolved.is_relative_to(root.resolve()):
        raise UserError(f"`{name}` cannot be watched: it leads out of {root.resolve()}")
    return resolved


@dataclass
class Contents:
    """Hashes of what the watched files held when this was made, to tell a change from a touch."""

    watched: WatchList
    digests: dict[Path, str] = field(default_factory=dict)
    _stamps: dict[Path, Stamp | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._stamps = {path: _stamp(path) for path in self._files()}

    def read(self) -> None:
        """Read the files, which may take longer than making this did.

        What changed meanwhile was not read as it was: `rescan` will tell that it differs.
        """
        for path in {*self._files(), *self._stamps}:
            digest = _digest(path)
            is_as_it_was = _stamp(path) == self._stamps.get(path)
            self.digests[path] = digest if is_as_it_was else UNKNOWN

    def _files(self) -> Iterator[Path]:
        for named in self.watched.paths:
            for path in _walk(named) if named.is_dir() else [named]:
                if path.is_file() and self.watched.covers(path) and self._is_inside(path):
                    yield path

    def _is_inside(self, path: Path) -> bool:
        """Whether a file, links followed, lies below the root; others are never read."""
        return path.resolve().is_relative_to(self.watched.root)

    def update(self, paths: Iterable[Path]) -> list[Path]:
        """Those of `paths` whose content differs from when it was last looked at; remembers the new
        content.
        """
        changed = []
        for path in sorted(set(paths)):
            digest = _digest(path) if path.is_file() and self._is_inside(path) else ""
            if digest != self.digests.get(path, ""):
                changed.append(path)
                self.digests[path] = digest
        return changed

    def rescan(self) -> list[Path]:
        """Every watched file that differs, whether or not anybody reported it."""
        return self.update([*self._files(), *self.digests])


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in IGNORED_FOLDERS]
        yield from (Path(parent, name) for name in names)


def _stamp(path: Path) -> Stamp | None:
    try:
        about = path.stat()
    except OSError:
        return None
    return (about.st_mtime_ns, about.st_size, about.st_ino)


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def decide(changed: Iterable[Path], watched: WatchList, *, has_image: bool) -> Action:
    """What the changed files ask for: the highest step that any of them needs, with its cause."""
    by_step: Mapping[Step, list[str]] = {step: [] for step in Step}
    for path in changed:
        by_step[_step(path, watched, has_image=has_image)].append(watched.relative(path))
    for step in sorted(Step, reverse=True):
        if by_step[step]:
            return Action(step, _cause(by_step[step]))
    return Action(Step.NOTHING, "")


def _step(path: Path, watched: WatchList, *, has_image: bool) -> Step:
    if has_image and (path.name in REBUILD_NAMES or path.name.startswith("requirements")):
        return Step.REBUILD
    if watched.mounted is None:
        return Step.RELOAD
    is_mounted = any(path == folder or folder in path.parents for folder in watched.mounted)
    return Step.RELOAD if is_mounted else Step.RESTART


def _cause(names: list[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:3])
    more = len(names) - 3
    return f"{shown}{f' and {more} more files' if more > 0 else ''} changed"


async def watch(
    contents: Contents, *, poll: bool, stop: asyncio.Event
) -> AsyncIterator[list[Path]]:
    """Yield the changed files of each burst of saves since `contents` was made, until `stop` is
    set.

    Folders that are deleted and made again are found again. `poll` looks instead of waiting for the
    kernel's word, for file systems that do not send it; so does a kernel that has no more to give.

    Raises:
        UserError: the package that watches is not installed.
    """
    watched = contents.watched
    await asyncio.to_thread(contents.read)
    while not stop.is_set():
        folders = watched.folders()
        async for paths in _bursts(folders, poll=poll, stop=stop):
            known = [path for path in paths or () if watched.covers(path)]
            if paths is None or any(path.is_dir() for path in known):
                # What was put into a new folder before the kernel watched that is found by looking.
                changed = await asyncio.to_thread(contents.rescan)
            else:
                changed = contents.update(known)
            if changed:
                yield changed
            if watched.folders() != folders:
                break


async def _bursts(
    folders: Mapping[Path, bool], *, poll: bool, stop: asyncio.Event
) -> AsyncIterator[list[Path] | None]:
    """Changed paths in the folders that exist, burst by burst; None where any file may have
    changed.

    Those below a flat folder are left out.
    """
    deep = [folder for folder, is_deep in folders.items() if is_deep]
    flat = [folder for folder, is_deep in folders.items() if not is_deep and folder.is_dir()]
    queue: asyncio.Queue[list[Path] | None] = asyncio.Queue()
    done = asyncio.Event()
    tasks = [
        asyncio.create_task(_feed(queue, group, recursive=recursive, poll=poll, stop=done))
        for group, recursive in ((deep, True), (flat, False))
        if group
    ]
    stopping = asyncio.create_task(stop.wait())
    try:
        while not stop.is_set():
            taking = asyncio.create_task(queue.get())
            await asyncio.wait({taking, stopping, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            if taking.done():
                yield taking.result()
                continue
            taking.cancel()
            for task in tasks:
                if task.done():
                    task.result()
    except FileNotFoundError:
        await asyncio.sleep(POLL_MS / 1000)  # a folder went while its watch began: look again
    finally:
        done.set()
        stopping.cancel()
        await asyncio.gather(*tasks, stopping, return_exceptions=True)


async def _feed(
    queue: asyncio.Queue[list[Path] | None],
    folders: list[Path],
    *,
    recursive: bool,
    poll: bool,
    stop: asyncio.Event,
) -> None:
    if poll:
        await _look(queue, folders, recursive=recursive, stop=stop)
        return
    watchfiles = _watchfiles()
    # What changed before the kernel began to tell is found by looking, as soon as it has begun.
    asyncio.get_running_loop().call_soon(queue.put_nowait, None)
    try:
        async for burst in watchfiles.awatch(
            *folders,
            watch_filter=None,
            debounce=DEBOUNCE_MS,
            step=STEP_MS,
            stop_event=stop,
            recursive=recursive,
            rust_timeout=1000,
            yield_on_timeout=False,
            ignore_permission_denied=True,
        ):
            await queue.put([Path(name) for _, name in burst])
    except FileNotFoundError:
        raise
    except (OSError, RuntimeError):
        await _look(queue, folders, recursive=recursive, stop=stop)


async def _look(
    queue: asyncio.Queue[list[Path] | None],
    folders: list[Path],
    *,
    recursive: bool,
    stop: asyncio.Event,
) -> None:
    """Compare what is on disk again and again.

    Files are told apart to the nanosecond: the polling of `watchfiles` goes by whole seconds, and
    misses the second of two saves.
    """
    before = await asyncio.to_thread(_stamps, folders, recursive=recursive)
    queue.put_nowait(None)
    while not stop.is_set():
        started = time.monotonic()
        now = await asyncio.to_thread(_stamps, folders, recursive=recursive)
        if changed := [path for path, _ in before.items() ^ now.items()]:
            await queue.put(list(dict.fromkeys(changed)))
        before = now
        pause = max(POLL_MS / 1000, LOOKING_SHARE * (time.monotonic() - started))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await stop.wait()


def _stamps(folders: list[Path], *, recursive: bool) -> dict[Path, Stamp]:
    """The stamps of everything in the folders."""
    stamps = {}
    for folder in folders:
        for path in _walk(folder) if recursive else _entries(folder):
            if (stamp := _stamp(path)) is not None:
                stamps[path] = stamp
    return stamps


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def require_watching() -> None:
    """See whether files can be watched.

    Raises:
        UserError: the package that watches is not installed.
    """
    _watchfiles()


def _watchfiles() -> ModuleType:
    try:
        return importlib.import_module("watchfiles")
    except ModuleNotFoundError:
        hint = "pip install 'hud-local[dev]'"
        raise UserError("watching files needs the package `watchfiles`", hint=hint) from None


def needs_polling(paths: Iterable[Path], mounts: str) -> bool:
    """Whether a path lies on a file system whose changes the kernel does not tell of, by the text
    of `/proc/mounts`.
    """
    points = sorted(
        (
            (Path(_unescaped(line.split(" ")[1])), line.split(" ")[2])
            for line in mounts.splitlines()
        ),
        key=lambda entry: len(entry[0].parts),
        reverse=True,
    )
    kinds = (
        next((kind for point, kind in points if path.is_relative_to(point)), "") for path in paths
    )
    return any(
        kind.startswith(SILENT_FILE_SYSTEMS) and kind not in TALKING_FILE_SYSTEMS for kind in kinds
    )


def _unescaped(text: str) -> str:
    """A path as the kernel writes it: spaces and backslashes are octal."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
