"""Which watched paths a container sees, and where: as mounts, by what its Dockerfile says.

1. A watched folder is mounted as it is, read-only.
2. The environment's own folder is mounted entry by entry, so that what the image has put beside
   them, such as installed packages, stays visible.
3. A watched file is mounted by a copy that keeps its inode: editors put another file in the place
   of the old one, which a mount of the file itself would go on showing.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from posixpath import normpath

from hud.containers import Mount
from hud.dev.containers.dockerfile import Copy
from hud.dev.watcher import IGNORED_FOLDERS

STAGE = ".hud/dev"
"""Folder for the copies, within the environment's."""


@dataclass(frozen=True)
class Place:
    """A path of the folder, and where it is in the image."""

    source: str
    """Relative to the folder."""
    target: str


def places(watched: Path, folder: Path, copies: Sequence[Copy]) -> list[Place]:
    """Where a watched path is in the image; empty if the image does not have it.

    Of the folder itself, and of folders of which only parts are copied, these are the parts.
    """
    relative = _relative(watched, folder)
    whole = [place for copy in copies if (place := _placed(relative, watched.is_file(), copy))]
    if whole and relative != ".":
        return whole[-1:]
    found: dict[str, Place] = {}
    for copy in copies:
        for path in _entries(watched, folder, copy):
            part = _placed(_relative(path, folder), path.is_file(), copy)
            if part is not None:
                found[part.source] = part
    return list(found.values())


def _entries(watched: Path, folder: Path, copy: Copy) -> Iterator[Path]:
    """The paths below a watched folder that one instruction copies, the topmost ones."""
    if not watched.is_dir():
        return
    if copy.source == _relative(watched, folder):
        chosen = watched.iterdir()
    else:
        chosen = folder.glob(copy.source)
    for path in chosen:
        is_ours = path.is_relative_to(watched) and path != watched
        if is_ours and path.name not in IGNORED_FOLDERS and not path.is_symlink():
            yield path


def _placed(relative: str, is_file: bool, copy: Copy) -> Place | None:
    """Where one instruction puts a path, if it does."""
    path = PurePosixPath(relative)
    matching = [
        parent
        for parent in (path, *path.parents)
        if fnmatchcase(parent.as_posix(), copy.source) or parent.as_posix() == copy.source
    ]
    if not matching:
        return None
    source = matching[0]
    rest = path.relative_to(source).as_posix()
    is_named_file = rest == "." and is_file
    if is_named_file and copy.into:
        rest = path.name
    return Place(relative, normpath(f"{copy.target}/{rest}"))


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def remove_leftovers(folder: Path) -> None:
    """Remove the copies of sessions that were killed."""
    for stage in (folder / STAGE).glob("*-*"):
        process = stage.name.partition("-")[0]
        if process.isdecimal() and not Path("/proc", process).exists():
            shutil.rmtree(stage, ignore_errors=True)


@dataclass
class Mounts:
    """The mounts of one container: folders as they are, files by copies."""

    folder: Path
    stage: Path
    """Where the copies are; below `folder`."""
    places: list[Place]
    inodes: dict[str, int] = field(default_factory=dict)
    """Of the mounted folders, by their path relative to `folder`."""

    def prepare(self) -> tuple[Mount, ...]:
        """Make the copies, and say what to mount."""
        return tuple(self._mount(number, place) for number, place in enumerate(self.places))

    def refresh(self) -> bool:
        """Bring the copies up to date; False if a mounted folder is another one by now, which the
        container cannot see.
        """
        for number, place in enumerate(self.places):
            source = self.folder / place.source
            copy = self._copy_of(number, source)
            if place.source in self.inodes:
                if _inode(source) != self.inodes[place.source]:
                    return False
            elif source.is_file():
                copy.write_bytes(source.read_bytes())
            else:
                copy.write_bytes(b"")
        return True

    def digest(self) -> str:
        """What the files are like that are mounted: their paths, sizes and times."""
        return _digest_of(self.folder / place.source for place in self.places)

    def remove(self) -> None:
        """Remove the copies."""
        shutil.rmtree(self.stage, ignore_errors=True)

    def _mount(self, number: int, place: Place) -> Mount:
        source = self.folder / place.source
        if source.is_dir():
            self.inodes[place.source] = _inode(source)
            return Mount(source=place.source, target=place.target)
        copy = self._copy_of(number, source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, copy)
        return Mount(source=_relative(copy, self.folder), target=place.target)

    def _copy_of(self, number: int, source: Path) -> Path:
        return self.stage / str(number) / source.name


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0


def _digest_of(paths: Iterable[Path]) -> str:
    like = [_like(file) for path in paths for file in _files(path)]
    return hashlib.sha256(json.dumps(like).encode()).hexdigest()


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for parent, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if name not in IGNORED_FOLDERS)
        yield from (Path(parent, name) for name in sorted(names))


def _like(path: Path) -> list[object]:
    try:
        found = path.stat()
    except OSError:
        return [str(path)]
    return [str(path), found.st_size, found.st_mtime_ns]
