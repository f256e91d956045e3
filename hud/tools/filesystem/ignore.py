"""Which files a search leaves out: by name, and by the rules of `.gitignore` files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

IGNORE_DIRS = frozenset(
    {
        *(".git", ".hg", ".svn", ".venv", "venv", "node_modules", "bower_components"),
        *("__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".tox", ".idea", ".vscode"),
    }
)
"""Folders of tools and dependencies."""


@dataclass(frozen=True)
class Rule:
    """One line of a `.gitignore`."""

    pattern: re.Pattern[str]
    """Matches paths from the folder of the rules."""
    only_folders: bool
    is_exception: bool


def read_rules(text: str) -> list[Rule]:
    """The rules of a `.gitignore`."""
    lines = (line.rstrip() for line in text.splitlines())
    return [_rule(line) for line in lines if line and not line.startswith("#")]


def ignores(rules: Iterable[tuple[str, Rule]], path: str, *, is_folder: bool) -> bool:
    """Whether rules leave out a path; each comes with its folder, as a prefix of the paths that it
    is about.

    The last rule that matches counts.
    """
    ignored = False
    for folder, rule in rules:
        applies = is_folder or not rule.only_folders
        if applies and rule.pattern.fullmatch(path.removeprefix(folder)):
            ignored = not rule.is_exception
    return ignored


def _rule(line: str) -> Rule:
    is_exception = line.startswith("!")
    line = line.removeprefix("!").removeprefix("\\")
    only_folders, body = line.endswith("/"), line.rstrip("/")
    anchored = "/" in body
    prefix = "" if anchored else "(?:.*/)?"
    return Rule(re.compile(prefix + glob_pattern(body.lstrip("/"))), only_folders, is_exception)


def glob_pattern(glob: str) -> str:
    """A glob as a regular expression: `*`, `?` and `[…]` stay within a folder, `**` crosses them,
    `{a,b}` is either.
    """
    parts, position = [], 0
    while position < len(glob):
        part, length = _glob_part(glob, position)
        parts.append(part)
        position += length
    return "".join(parts)


def _glob_part(glob: str, at: int) -> tuple[str, int]:
    rest = glob[at:]
    if rest.startswith("**/"):
        return "(?:.*/)?", 3
    if rest.startswith("**"):
        return ".*", 2
    if rest[0] == "*":
        return "[^/]*", 1
    if rest[0] == "?":
        return "[^/]", 1
    if rest[0] == "[" and (found := re.match(r"\[([!^]?)(\]?[^\]]*)\]", rest)):
        negated = "^" if found[1] else ""
        return f"[{negated}{found[2]}]".replace("\\", r"\\"), found.end()
    if rest[0] == "{" and (found := re.match(r"\{([^{}]*,[^{}]*)\}", rest)):
        return f"(?:{'|'.join(map(glob_pattern, found[1].split(',')))})", found.end()
    return re.escape(rest[0]), 1
