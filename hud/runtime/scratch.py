"""The temporary files and folders that an author's module makes when it is imported.

They belong to that import: rollouts that were forked from it would share them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

MADE = frozenset({"tempfile.mkdtemp", "tempfile.mkstemp"})
"""What the interpreter tells its auditors of."""

NOT_AUTHORS = tuple(
    str(folder) + os.sep
    for folder in (
        *(Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")),
        Path(__file__).parents[1],
    )
)
"""Folders of code that is no author's."""


class Scratch:
    """What was made while it was recording, and is there still."""

    def __init__(self) -> None:
        self._made: list[str] = []
        self._is_recording = False
        sys.addaudithook(self._audit)  # which cannot be taken back

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Remember what authors' code makes within the block."""
        self._is_recording = True
        try:
            yield
        finally:
            self._is_recording = False

    def _audit(self, event: str, arguments: tuple[object, ...]) -> None:
        if self._is_recording and event in MADE and _is_authors(sys._getframe(1)):
            self._made.append(str(arguments[0]))

    @property
    def paths(self) -> list[Path]:
        """The files and folders that are left."""
        return [path for path in map(Path, self._made) if path.exists()]

    @property
    def hazard(self) -> str | None:
        """Why rollouts must not share one import, or None."""
        left = self.paths
        return f"the module makes `{left[0]}` when it is imported" if left else None

    def remove(self) -> None:
        """Remove what is left, as its only user is done."""
        for path in self.paths:
            with contextlib.suppress(OSError):
                path.unlink() if path.is_file() else shutil.rmtree(path, ignore_errors=True)


def _is_authors(frame: FrameType | None) -> bool:
    """Whether the code that asked for something temporary is neither a library's nor ours."""
    while frame is not None and frame.f_code.co_filename == tempfile.__file__:
        frame = frame.f_back
    return frame is not None and not frame.f_code.co_filename.startswith(NOT_AUTHORS)
