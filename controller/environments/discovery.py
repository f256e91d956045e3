"""Which folders of the workspace are environments: read from their files, never imported.

1. A folder is one if a Python file in which environments are looked for makes an `Environment`, or
   if it has a Dockerfile and a `[tool.hud]` table.
2. What lies below an environment's folder belongs to it.
3. A file that is no valid Python counts by its text, and one that was an environment stays one as
   long as it is there: a half-written save takes nothing away.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hud.containers.images.names import image_name
from hud.dev.target import dockerfile_beside
from hud.dev.watcher import IGNORED_FOLDERS
from hud.environment.modules import ENVIRONMENT_FILES
from hud.runtime.project import PROJECT_FILE

DEPTH = 3
"""How many folders below the workspace an environment may lie."""
RESERVED = frozenset({"health", "hub", "mcp", "ready", "status"})
"""Names that the MCP port uses itself."""
MAKERS = frozenset({"Environment", "BaseHub", "MCPRouter", "MCPServer"})
_MADE = re.compile(r"^[^#\n]*\b(?:Environment|MCPServer)\(", re.MULTILINE)
_TABLE = re.compile(r"^\s*\[tool\.hud\b", re.MULTILINE)
MOST_BYTES = 2_000_000
"""Size up to which a file is read."""


@dataclass(frozen=True)
class Found:
    """A folder that holds an environment."""

    name: str
    """Unique, fit for a URL."""
    folder: Path
    has_dockerfile: bool
    signature: str
    """Differs when something about the folder changed that a running session cannot follow."""


class Discovery:
    """Looks through a workspace; files that did not change are not read again."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        self._known: dict[Path, tuple[int, int, bool]] = {}

    def scan(self) -> list[Found]:
        """The environments that are there now, in the order of their folders."""
        folders = sorted(self._folders(self.workspace, DEPTH))
        names = names_of(folders, self.workspace)
        return [_found(names[folder], folder) for folder in folders]

    def _folders(self, folder: Path, depth: int) -> Iterator[Path]:
        if self._is_environment(folder):
            yield folder
        elif depth:
            for child in _subfolders(folder):
                yield from self._folders(child, depth - 1)

    def _is_environment(self, folder: Path) -> bool:
        files = [folder / name for name in ENVIRONMENT_FILES]
        if any(self._holds_one(path) for path in files):
            return True
        project = folder / PROJECT_FILE
        return dockerfile_beside(folder) is not None and bool(_TABLE.search(_text(project)))

    def _holds_one(self, path: Path) -> bool:
        try:
            about = path.stat()
        except OSError:
            self._known.pop(path, None)
            return False
        known = self._known.get(path)
        if known is None or known[:2] != (about.st_mtime_ns, about.st_size):
            is_one = (known is not None and known[2]) or makes_environment(_text(path))
            known = self._known[path] = (about.st_mtime_ns, about.st_size, is_one)
        return known[2]


def makes_environment(source: str) -> bool:
    """Whether Python source makes an `Environment`, or takes one from another module."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return bool(_MADE.search(source))
    return any(_makes(node) or _takes(node) for node in ast.walk(tree))


def _makes(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in MAKERS


def _takes(node: ast.AST) -> bool:
    """`from package.module import env`, by which small files name the environment of a package."""
    if not isinstance(node, ast.ImportFrom):
        return False
    return any((alias.asname or alias.name) == "env" for alias in node.names)


def names_of(folders: list[Path], workspace: Path) -> dict[Path, str]:
    """A name for each folder; where two would have the same, the later ones are numbered."""
    names: dict[Path, str] = {}
    taken = set(RESERVED)
    for folder in folders:
        relative = folder.relative_to(workspace)
        plain = image_name("-".join(relative.parts) or workspace.resolve().name)
        name, number = plain, 2
        while name in taken:
            name, number = f"{plain}-{number}", number + 1
        taken.add(name)
        names[folder] = name
    return names


def _found(name: str, folder: Path) -> Found:
    has_dockerfile = dockerfile_beside(folder) is not None
    about = f"{has_dockerfile}\0{_inode(folder)}\0{_text(folder / PROJECT_FILE)}"
    return Found(name, folder, has_dockerfile, hashlib.sha256(about.encode()).hexdigest())


def _subfolders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_dir()]
    except OSError:
        return []
    return [folder / name for name in names if name not in IGNORED_FOLDERS and name[0] not in "._"]


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            return ""
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return ""


def _inode(folder: Path) -> int:
    try:
        return folder.stat().st_ino
    except OSError:
        return 0


def watched_names(folder: Path) -> list[str] | None:
    """The paths that `[tool.hud] watch` names; None if it says nothing that can be used."""
    try:
        table = tomllib.loads(_text(folder / PROJECT_FILE))
    except ValueError:
        return None
    names = table.get("tool", {}).get("hud", {}).get("watch")
    if isinstance(names, str):
        return [names]
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        return list(names)
    return None


_SYSTEM = re.compile(
    r"\b(?:apt-get|apt|apk|dnf|yum|microdnf|pacman|zypper)\s+(?:-\S+\s+)*(?:install|add)\b"
)
_BASE = re.compile(r"^\s*FROM\s+(?:--\S+\s+)*(\S+)", re.MULTILINE | re.IGNORECASE)
_PLAIN_BASES = re.compile(r"(?:.*/)?(?:python|hud|uv)(?:[:@].*)?|ghcr\.io/astral-sh/uv.*|scratch")


def could_run_in_process(folder: Path) -> bool:
    """Whether a folder's Dockerfile only makes a Python around its code, so that the code could run
    on this machine as well: no system packages, and plain Python to begin with.
    """
    recipe = dockerfile_beside(folder)
    if recipe is None:
        return True
    text = _text(recipe)
    has_module = any((folder / name).is_file() for name in ENVIRONMENT_FILES)
    bases = _BASE.findall(text)
    stages = set(re.findall(r"^\s*FROM\s.*\sAS\s+(\S+)", text, re.MULTILINE | re.IGNORECASE))
    is_plain = all(base in stages or _PLAIN_BASES.fullmatch(base) for base in bases)
    return has_module and is_plain and not _SYSTEM.search(text)


def declared_name(folder: Path) -> str | None:
    """The name that a folder's `Environment(…)` is given, as far as it is written there; else that
    of its project.
    """
    for path in (folder / name for name in ENVIRONMENT_FILES):
        if (name := _first_name(_text(path))) is not None:
            return name
    try:
        project = tomllib.loads(_text(folder / PROJECT_FILE)).get("project", {})
    except ValueError:
        return None
    return project.get("name") if isinstance(project.get("name"), str) else None


def _first_name(source: str) -> str | None:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _makes(node) and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                return first.value
    return None
