"""Where the files of a folder are in the image that its Dockerfile builds. Pure: reads a text.

Understands what decides that: `FROM`, `WORKDIR`, `COPY` and `ADD` of the last stage, of the stage
that it is made from and of those that it copies from; `ARG` and `ENV` in their operands.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from posixpath import normpath

_ESCAPE = re.compile(r"#\s*escape\s*=\s*(\S)", re.IGNORECASE)
_HEREDOC = re.compile(r"<<-?\s*[\"']?(\w+)[\"']?")
_REMOTE = re.compile(r"\w+://|git@")
_VARIABLE = re.compile(r"\\\$|\$(\w+)|\$\{(\w+)(?::([-+])([^}]*))?\}")


@dataclass(frozen=True)
class Copy:
    """One path of the folder, or a pattern, and where it goes."""

    source: str
    """Relative to the folder; `.` for the folder itself."""
    target: str
    """Absolute."""
    into: bool = False
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

    def absolute(self, path: str) -> str:
        """A path of the image, made absolute."""
        return normpath(PurePosixPath(self.workdir, path).as_posix())


class _Reader:
    """Reads instructions one after the other."""

    def __init__(self) -> None:
        self.stages: list[_Stage] = []
        self._names: dict[str, _Stage] = {}
        self._arguments: dict[str, str] = {}

    def read(self, name: str, operands: str) -> None:
        """Take in an instruction."""
        if name == "FROM":
            self._begin(operands)
        elif name == "ARG":
            self._declare(operands)
        elif self.stages:
            self._continue(self.stages[-1], name, operands)

    def _begin(self, operands: str) -> None:
        words = [word for word in operands.split() if not word.startswith("--")]
        base = expand(words[0], self._arguments) if words else ""
        parent = self._names.get(base.lower())
        stage = _Stage()
        if parent is not None:
            stage = _Stage(parent.workdir, list(parent.copies), dict(parent.variables))
        self._names[str(len(self.stages))] = stage
        if len(words) == 3 and words[1].lower() == "as":
            self._names[words[2].lower()] = stage
        self.stages.append(stage)

    def _declare(self, operands: str) -> None:
        name, equals, default = operands.partition("=")
        if not self.stages:
            self._arguments[name.strip()] = expand(_unquoted(default), self._arguments)
            return
        variables = self.stages[-1].variables
        known = self._arguments.get(name.strip(), "")
        variables[name.strip()] = expand(_unquoted(default), variables) if equals else known

    def _continue(self, stage: _Stage, name: str, operands: str) -> None:
        if name == "WORKDIR":
            stage.workdir = stage.absolute(expand(_unquoted(operands), stage.variables))
        elif name == "ENV":
            stage.variables |= _assignments(operands, stage.variables)
        elif name in ("COPY", "ADD"):
            self._copy(stage, operands)

    def _copy(self, stage: _Stage, operands: str) -> None:
        flags, paths = _paths(operands)
        if len(paths) < 2:
            return
        *sources, target = (expand(path, stage.variables) for path in paths)
        is_folder = len(sources) > 1 or target.endswith(("/", "/.")) or target in (".", "..")
        copy = Copy("", stage.absolute(target), is_folder)
        if "from" in flags:
            other = self._names.get(flags["from"].lower())
            for source in sources if other is not None else ():
                assert other is not None
                stage.copies += _through(other, source, copy)
            return
        stage.copies += [
            replace(copy, source=_relative(source))
            for source in sources
            if not _REMOTE.match(source) and not source.startswith("<<")
        ]


def read_dockerfile(text: str) -> Recipe:
    """Where files go, as far as the text tells."""
    reader = _Reader()
    for name, operands in _instructions(text):
        reader.read(name, operands)
    if not reader.stages:
        return Recipe()
    last = reader.stages[-1]
    return Recipe(last.workdir, tuple(last.copies))


def expand(text: str, variables: Mapping[str, str]) -> str:
    """The text with its variables replaced; unknown ones are empty."""

    def value(match: re.Match[str]) -> str:
        if match[0] == r"\$":
            return "$"
        found = variables.get(match[1] or match[2] or "", "")
        if match[3] == "-":
            return found or match[4]
        return (match[4] if found else "") if match[3] == "+" else found

    return _VARIABLE.sub(value, text)


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    """Each instruction with its operands, on one line; what here-documents hold is left out."""
    found = _ESCAPE.match(text)
    escape = found[1] if found else "\\"
    lines = iter(text.splitlines())
    for line in lines:
        stripped = line.strip()
        if not stripped or _is_comment(stripped):
            continue
        while stripped.endswith(escape):
            following = next((more.strip() for more in lines if not _is_comment(more)), "")
            stripped = f"{stripped[:-1]} {following}"
        name, _, operands = stripped.partition(" ")
        yield name.upper(), operands.strip()
        for end in _HEREDOC.findall(operands):
            for inside in lines:
                if inside.strip() == end:
                    break


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _paths(operands: str) -> tuple[dict[str, str], list[str]]:
    """The flags of `COPY`, and its paths."""
    flags: dict[str, str] = {}
    rest = operands
    while rest.startswith("--"):
        flag, _, rest = rest.partition(" ")
        name, _, value = flag[2:].partition("=")
        flags[name] = value
        rest = rest.lstrip()
    if rest.startswith("["):
        try:
            return flags, [str(path) for path in json.loads(rest)]
        except ValueError:
            return flags, []
    return flags, rest.split()


def _assignments(operands: str, known: Mapping[str, str]) -> dict[str, str]:
    """The variables that `ENV` sets, in either of its forms."""
    if "=" not in operands.split(" ")[0]:
        name, _, value = operands.partition(" ")
        return {name: expand(value.strip(), known)}
    try:
        words = shlex.split(operands)
    except ValueError:
        return {}
    pairs = (word.partition("=") for word in words)
    return {name: expand(value, known) for name, _, value in pairs}


def _unquoted(text: str) -> str:
    text = text.strip()
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1] if quoted else text


def _relative(source: str) -> str:
    return normpath(source.lstrip("/") or ".")


def _through(stage: _Stage, source: str, copy: Copy) -> Iterator[Copy]:
    """The paths of the folder that reach the image through another stage."""
    wanted = stage.absolute(source)
    for earlier in stage.copies:
        rest = _below(earlier.target, wanted)
        if rest is not None:
            yield replace(earlier, target=normpath(f"{copy.target}/{rest}"))
            continue
        rest = _below(wanted, earlier.target)
        if rest is not None and not earlier.into:
            yield Copy(normpath(f"{earlier.source}/{rest}"), copy.target, copy.into)


def _below(path: str, folder: str) -> str | None:
    """A path relative to a folder that it lies in, `.` for that itself; None if it does not."""
    if path == folder:
        return "."
    prefix = folder if folder.endswith("/") else f"{folder}/"
    return path.removeprefix(prefix) if path.startswith(prefix) else None
