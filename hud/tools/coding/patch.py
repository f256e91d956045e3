"""Patches in the V4A format, which OpenAI's models write: sections found by their context, without
line numbers.

A section starts with `@@`, which may name a line above it; its lines start with a space (context),
`-` or `+`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

BEGIN, END = "*** Begin Patch", "*** End Patch"
END_OF_FILE = "*** End of File"
MOVE = "*** Move to: "
HEADER = re.compile(r"\*\*\* (Add|Update|Delete) File: (.+)")
KINDS: dict[str, Kind] = {"Add": "create_file", "Update": "update_file", "Delete": "delete_file"}

Kind = Literal["create_file", "update_file", "delete_file"]


class DiffError(ValueError):
    """A patch cannot be read, or does not fit the file."""


@dataclass(frozen=True)
class FilePatch:
    """What a patch does to one file."""

    kind: Kind
    path: str
    diff: str = ""
    move_to: str | None = None


@dataclass
class _Section:
    anchors: list[str] = field(default_factory=list)
    """Lines above the section, in order, that say where to look."""
    old: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    at_end: bool = False


def created(diff: str) -> str:
    """The file that a patch of nothing but `+` lines describes.

    Raises:
        DiffError: another line is among them.
    """
    lines = _lines(diff)
    for line in lines:
        if not line.startswith("+"):
            raise DiffError(f"a line of a new file has to start with `+`: {line!r}")
    return "\n".join(line[1:] for line in lines)


def updated(text: str, diff: str) -> str:
    """The text after the sections of a patch were applied, in their order.

    Raises:
        DiffError: a section cannot be read, or its context is not found.
    """
    end = "\r\n" if "\r\n" in text else "\n"
    lines = text.replace("\r\n", "\n").split("\n")
    result: list[str] = []
    position = 0
    for section in _sections(_lines(diff)):
        start = _position(lines, section, position)
        result += lines[position:start] + _merged(section, lines[start : start + len(section.old)])
        position = start + len(section.old)
    return end.join(result + lines[position:])


def file_patches(patch: str) -> list[FilePatch]:
    """The parts of a whole patch, `*** Begin Patch` to `*** End Patch`.

    Raises:
        DiffError: it is none.
    """
    lines = _lines(patch.strip())
    if not lines or lines[0] != BEGIN or lines[-1] != END:
        raise DiffError(f"a patch begins with `{BEGIN}` and ends with `{END}`")
    patches: list[FilePatch] = []
    body: list[str] = []
    for line in reversed(lines[1:-1]):
        header = HEADER.fullmatch(line)
        if header is None:
            body.insert(0, line)
            continue
        move_to = body.pop(0).removeprefix(MOVE) if body and body[0].startswith(MOVE) else None
        kind = KINDS[header[1]]
        patches.insert(0, FilePatch(kind, header[2].strip(), "\n".join(body), move_to))
        body = []
    if body or not patches:
        raise DiffError("the patch names no file: `*** Update File: PATH`")
    return patches


def _lines(text: str) -> list[str]:
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    return lines[:-1] if lines and lines[-1] == "" else lines


def _sections(lines: list[str]) -> Iterator[_Section]:
    section = _Section()
    for line in lines:
        if line.startswith("@@"):
            if section.old or section.new:
                yield section
                section = _Section()
            anchor = line[2:].strip()
            section.anchors += [anchor] if anchor else []
        elif line == END_OF_FILE:
            section.at_end = True
        else:
            _take(section, line)
    if section.old or section.new:
        yield section


def _take(section: _Section, line: str) -> None:
    sign, content = (line[0], line[1:]) if line else (" ", "")
    if sign not in " +-":
        raise DiffError(f"a line of a patch starts with a space, `+`, `-` or `@@`: {line!r}")
    if sign in " -":
        section.old.append(content)
    if sign in " +":
        section.new.append(content)


def _position(lines: list[str], section: _Section, start: int) -> int:
    for anchor in section.anchors:
        found = _find(lines, [anchor], start)
        if found is None:
            raise DiffError(f"there is no line {anchor!r} to look behind")
        start = found + 1
    if not section.old:
        if section.anchors:
            return start
        return len(lines) - 1 if lines[-1] == "" else len(lines)
    if section.at_end:
        tail = len(lines) - len(section.old) - (1 if lines[-1] == "" else 0)
        found = _find(lines, section.old, max(tail, start))
        if found is not None:
            return found
    found = _find(lines, section.old, start)
    if found is None:
        context = "\n".join(section.old)
        raise DiffError(f"the file does not hold these lines in this place:\n{context}")
    return found


def _find(lines: list[str], wanted: list[str], start: int) -> int | None:
    """Where the lines stand: exactly, else but for spaces at their ends, else but for all outer
    spaces.
    """
    alike: tuple[Callable[[str], str], ...] = (str, str.rstrip, str.strip)
    for view in alike:
        seen, sought = [view(line) for line in lines], [view(line) for line in wanted]
        for position in range(start, len(lines) - len(wanted) + 1):
            if seen[position : position + len(wanted)] == sought:
                return position
    return None


def _merged(section: _Section, found: list[str]) -> list[str]:
    """The new lines; context lines stay as the file has them."""
    kept = dict(zip(section.old, found, strict=True))
    return [kept.get(line, line) for line in section.new]
