"""The users as whom environments' processes run: each environment has one of its own, so that it
can neither read nor end what belongs to another.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from hud.errors import UserError

HOMES = Path(tempfile.gettempdir(), "hud-homes")
"""Holds each user's own folder."""
MOST = 10_000
"""Users that there may be, from the first one on."""


class Users:
    """Numbers of users by environment, kept in a file: an environment keeps its user."""

    def __init__(self, file: Path, first: int) -> None:
        """`first` is the number of the first user; the following ones must be nobody's either."""
        self._file = file
        self._first = first

    def of(self, environment: str) -> int:
        """The user of an environment; one that has none gets the next.

        Raises:
            UserError: none is left.
        """
        known: dict[str, int] = {}
        if self._file.is_file():
            known = json.loads(self._file.read_text("utf-8"))
        if environment not in known:
            number = max(known.values(), default=self._first - 1) + 1
            if number >= self._first + MOST:
                told = f"there have been {MOST} environments, and no user is left for another"
                raise UserError(told, hint=f"remove {self._file}, and start the controller anew")
            known[environment] = number
            draft = self._file.with_suffix(".draft")
            draft.write_text(json.dumps(known), "utf-8")
            draft.replace(self._file)
        return known[environment]


def home_of(user: int) -> Path:
    """A user's own folder, which nobody else can look into.

    Raises:
        UserError: somebody else has put something in its place.
    """
    HOMES.mkdir(mode=0o711, exist_ok=True)
    if HOMES.lstat().st_uid != os.getuid() or HOMES.is_symlink():
        raise UserError(f"`{HOMES}` belongs to somebody else", hint=f"remove it: rm -r {HOMES}")
    HOMES.chmod(0o711)
    home = HOMES / str(user)
    home.mkdir(mode=0o700, exist_ok=True)
    os.chown(home, user, user, follow_symlinks=False)
    home.chmod(0o700)
    return home
