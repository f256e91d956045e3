"""Which saved files matter, and what to do about them. Watching is one generator; deciding is pure.

1. Only what was named is watched; a file is watched through its folder, so that editors may replace it.
2. A change counts if the content differs (by hash): touching a file, or saving it unchanged, does nothing.
3. The ladder: rebuild files → rebuild; files that only the image holds → restart; watched source → reload.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from watchfiles import awatch

from hud.errors import UserError

DEBOUNCE_MS = 50
"""A burst of saves is one change: the files have to rest this long."""
STEP_MS = 10
POLL_MS = 300
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
IGNORED_SUFFIXES = (".pyc", ".pyo", ".swp", ".swx", ".tmp", "~", ".lock")
REBUILD_NAMES = (
    "Dockerfile",
    "Dockerfile.hud",
    ".dockerignore",
    "pyproject.toml",
    "uv.lock",
    "poetry.lock",
)


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
    """Hashes of the watched files, to tell a change from a touch."""

    watched: WatchList
    digests: dict[Path, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.digests = {path: _digest(path) for path in self._files()}

    def _files(self) -> list[Path]:
        found = []
        for named in self.watched.paths:
            below = named.rglob("*") if named.is_dir() else [named]
            found += [
                path
                for path in below
                if path.is_file() and self.watched.covers(path) and self._is_inside(path)
            ]
        return found

    def _is_inside(self, path: Path) -> bool:
        """Whether a file, links followed, lies below the root; others are never read."""
        return path.resolve().is_relative_to(self.watched.root)

    def update(self, paths: Iterable[Path]) -> list[Path]:
        """Those of `paths` whose content differs from when it was last looked at; remembers the new content."""
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
    watched: WatchList, *, poll: bool, stop: asyncio.Event
) -> AsyncIterator[list[Path]]:
    """Yield the changed files of each burst of saves, until `stop` is set.

    Folders that are deleted and made again are found again. `poll` looks instead of waiting for the kernel's word,
    for file systems that do not send it.
    """
    contents = Contents(watched)
    while not stop.is_set():
        appeared = contents.rescan()
        if appeared:
            yield appeared
        folders = watched.folders()
        async for paths in _bursts(folders, poll=poll, stop=stop):
            changed = contents.update(path for path in paths if watched.covers(path))
            if changed:
                yield changed
            if watched.folders() != folders:
                break


async def _bursts(
    folders: Mapping[Path, bool], *, poll: bool, stop: asyncio.Event
) -> AsyncIterator[list[Path]]:
    """Changed paths in the folders that exist, burst by burst; those below a flat folder are left out."""
    deep = [folder for folder, is_deep in folders.items() if is_deep]
    flat = [folder for folder, is_deep in folders.items() if not is_deep and folder.is_dir()]
    queue: asyncio.Queue[list[Path] | None] = asyncio.Queue(maxsize=64)
    done = asyncio.Event()
    tasks = [
        asyncio.create_task(_feed(queue, group, recursive=recursive, poll=poll, stop=done))
        for group, recursive in ((deep, True), (flat, False))
        if group
    ]
    stopping = asyncio.create_task(_forward(stop, queue))
    try:
        while (paths := await queue.get()) is not None:
            yield paths
    finally:
        done.set()
        stopping.cancel()
        await asyncio.gather(*tasks, stopping, return_exceptions=True)


async def _forward(stop: asyncio.Event, queue: asyncio.Queue[list[Path] | None]) -> None:
    await stop.wait()
    await queue.put(None)


async def _feed(
    queue: asyncio.Queue[list[Path] | None],
    folders: list[Path],
    *,
    recursive: bool,
    poll: bool,
    stop: asyncio.Event,
) -> None:
    changes = awatch(
        *folders,
        watch_filter=None,
        debounce=DEBOUNCE_MS,
        step=STEP_MS,
        stop_event=stop,
        recursive=recursive,
        force_polling=poll,
        poll_delay_ms=POLL_MS,
        rust_timeout=1000,
        yield_on_timeout=False,
    )
    async for burst in changes:
        await queue.put([Path(name) for _, name in burst])
