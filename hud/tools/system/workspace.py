"""Which files tools may touch: all of them, or those below one folder.

1. A path is resolved, symbolic links and `..` included, and then has to lie below the folder.
2. What is opened is reached from the folder step by step without following links, so a link that is
   put in between the check and the opening is refused as well.
3. Files are bytes here; as text they are UTF-8, and bytes that are none survive a round trip.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hud.errors import ToolError

LARGEST = 64 * 1024 * 1024
"""Bytes of a file that tools read; larger ones are for the shell."""
FOLDER = os.O_DIRECTORY | getattr(os, "O_PATH", os.O_RDONLY) | os.O_CLOEXEC


class Workspace:
    """Files below `base`, or anywhere if it is None."""

    def __init__(self, base: str | Path | None) -> None:
        self.base = None if base is None else Path(base).expanduser().resolve()

    def resolve(self, path: str | Path) -> Path:
        """The real path that `path` means; a relative one is taken from the base, or this folder.

        Raises:
            ToolError: it lies outside of the base, or is no path.
        """
        try:
            found = Path(os.path.realpath(Path(self.base or Path.cwd(), path)))
        except ValueError as exc:
            raise ToolError(f"{str(path)!r} is no path: {exc}") from exc
        if self.base is not None and not found.is_relative_to(self.base):
            raise ToolError(f"`{path}` is outside of `{self.base}`")
        return found

    def shown(self, path: Path) -> str:
        """A path below the base as seen from there; any other as it is."""
        if self.base is not None and path.is_relative_to(self.base):
            return path.relative_to(self.base).as_posix()
        return str(path)

    def read(self, path: Path) -> bytes:
        """The content of a resolved path.

        Raises:
            ToolError: it cannot be read, is no regular file, or is too large.
        """
        with self._opened(path, os.O_RDONLY | os.O_NONBLOCK, "read") as descriptor:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise ToolError(f"`{path}` is {_kind(status.st_mode)}, not a file")
            if status.st_size > LARGEST:
                raise ToolError(f"`{path}` is too large: {status.st_size:,} bytes")
            with os.fdopen(os.dup(descriptor), "rb") as file:
                return file.read(LARGEST)

    def read_text(self, path: Path) -> str:
        """The text of a resolved path, line ends as they are. Raises as `read` does."""
        return self.read(path).decode("utf-8", "surrogateescape")

    def write(self, path: Path, content: bytes) -> None:
        """Make or replace the file at a resolved path, and the folders above it.

        Raises:
            ToolError: it cannot be written.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise _failure("make the folder of", path, exc) from exc
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK
        with (
            self._opened(path, flags, "write") as descriptor,
            os.fdopen(os.dup(descriptor), "wb") as file,
        ):
            file.write(content)

    def write_text(self, path: Path, text: str) -> None:
        """Make or replace the file at a resolved path. Raises as `write` does."""
        self.write(path, text.encode("utf-8", "surrogateescape"))

    def remove(self, path: Path) -> None:
        """Remove a file.

        Raises:
            ToolError: it cannot be removed.
        """
        try:
            with self._parent(path) as (folder, name):
                os.unlink(name, dir_fd=folder)
        except OSError as exc:
            raise _failure("remove", path, exc) from exc

    @contextmanager
    def _opened(self, path: Path, flags: int, verb: str) -> Iterator[int]:
        try:
            with self._parent(path) as (folder, name):
                descriptor = os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        except OSError as exc:
            raise _failure(verb, path, exc) from exc
        try:
            yield descriptor
        except OSError as exc:
            raise _failure(verb, path, exc) from exc
        finally:
            os.close(descriptor)

    @contextmanager
    def _parent(self, path: Path) -> Iterator[tuple[int, str]]:
        """The opened folder of a resolved path, and the name in it."""
        start = self.base if self.base is not None and path != self.base else path.parent
        descriptor = os.open(start, FOLDER)
        try:
            for step in path.parent.relative_to(start).parts:
                inner = os.open(step, FOLDER | os.O_NOFOLLOW, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
            yield descriptor, path.name or "."
        finally:
            os.close(descriptor)


def printable(text: str) -> str:
    """A text as models may see it: what is no UTF-8, and NUL, is replaced."""
    plain = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return plain.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _failure(verb: str, path: Path, exc: OSError) -> ToolError:
    return ToolError(f"cannot {verb} `{path}`: {exc.strerror or exc}")


def _kind(mode: int) -> str:
    return "a folder" if stat.S_ISDIR(mode) else "a device, pipe or socket"
