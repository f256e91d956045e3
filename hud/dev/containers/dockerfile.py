"""Where the files of a folder are in the image that its Dockerfile builds. Pure: reads a text.

Understands what decides that: `FROM`, `WORKDIR`, `COPY` and `ADD` of the last stage, of the stages
that it is made from and of those that it copies from; `ARG` and `ENV` in their operands.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from posixpath import normpath

_HEREDOC = re.compile(r"<<-?\s*[\"']?(\w+)[\"']?")
_ESCAPE = re.compile(r"#\s*escape\s*=\s*(\S)", re.IGNORECASE)
_VARIABLE = re.compile(r"\\\$|\$(\w+)|\$\{(\w+)(?::([-+])([^}]*))?\}")
_REMOTE = re.compile(r"[a-z]+://|git@")


@dataclass(frozen=True)
class Copy:
    """One path of the folder, or a pattern, and where it goes."""

    source: str
    """Relative to the folder; `.` for the folder itself."""
    target: str
    """Absolute."""
    into: bool
    """Whether a file goes into `target`, which is a folder, and not in its place."""


@dataclass(frozen=True)
class Recipe:
    """What a Dockerfile says of files."""

    workdir: str = "/"
    copies: tuple[Copy, ...] = ()
    """In order: later ones hide earlier ones."""


@dataclass
class _Stage:
    workdir: str = "/"
    copies: list[Copy] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)

    def expand(self, text: str) -> str:
        """The text with its variables replaced; unknown ones are empty."""

        def value(match: re.Match[str]) -> str:
            if match[0] == r"\$":
                return "$"
            found = self.variables.get(match[1] or match[2] or "", "")
            if match[3] == "-":
                return found or match[4]
            return (match[4] if found else "") if match[3] == "+" else found

        return _VARIABLE.sub(value, text)

    def resolve(self, path: str) -> str:
        """A path of the image, made absolute."""
        return normpath(PurePosixPath(self.workdir, path).as_posix())


def read_dockerfile(text: str) -> Recipe:
    """Where files go, as far as the text tells."""
    globals_: dict[str, str] = {}
    stages: dict[str, _Stage] = {}
    current: _Stage | None = None
    for number, (name, operands) in enumerate(_instructions(text)):
        if name == "FROM":
            current = _begin_stage(operands, globals_, stages)
            stages[str(_count(stages))] = current
        elif current is None:
            if name == "ARG":
                globals_ |= _assignments(operands, globals_)
        else:
            _take(current, name, operands, stages, globals_)
        del number
    return Recipe(current.workdir, tuple(current.copies)) if current else Recipe()
