"""What an image is built from: the folder without what is ignored, and one digest of it all.

The digest covers every path, mode and byte that a `COPY` could reach, and the Dockerfile: if it is
unchanged, so is the image. What is hidden from the digest is hidden from the build too, which
therefore gets our list of ignored files.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hud.containers.spec import size_in_words
from hud.errors import UserError

DOCKERFILES = ("Dockerfile.hud", "Dockerfile")
ALWAYS_IGNORED = (
    "**/.git",
    "**/.hud",
    "**/.venv",
    "**/__pycache__",
    "**/*.pyc",
    "**/.env",
    "hud.lock.yaml",
)
"""Ignored before the folder's own `.dockerignore` is read: histories, results, secrets. `!.env`
brings one back.
"""


@dataclass(frozen=True)
class Pattern:
    """One line of `.dockerignore`."""

    expression: re.Pattern[str]
    parts: tuple[str, ...]
    excludes: bool
    """False for a line that starts with `!` and brings files back."""


@dataclass(frozen=True)
class Context:
    """A folder that can be built."""

    folder: Path
    dockerfile: Path
    ignored: tuple[str, ...]
    """The lines that apply, ours and the folder's, as in `.dockerignore`."""
    files: tuple[str, ...]
    """Relative paths of what the build can reach, folders and links included."""
    size: int
    """Bytes of it."""

    def digest(
        self,
        settings: Mapping[str, str],
        others: Mapping[str, Path] | None = None,
        *,
        without: Sequence[str] = (),
    ) -> str:
        """One hexadecimal number for content, Dockerfile and what else decides the image: settings,
        and other folders by name. `without` are relative paths of what does not count.
        """
        total = hashlib.sha256(self.dockerfile.read_bytes())
        for name, value in sorted(settings.items()):
            total.update(f"\0{name}={value}".encode("utf-8", "surrogateescape"))
        left_out = [PurePosixPath(path) for path in without]
        for relative in self.files:
            if left_out and any(PurePosixPath(relative).is_relative_to(path) for path in left_out):
                continue
            total.update(_fingerprint(self.folder / relative, relative))
        for name, folder in sorted((others or {}).items()):
            for relative in sorted(_walk(folder, []), key=os.fsencode):
                total.update(b"\0" + name.encode())
                total.update(_fingerprint(folder / relative, relative))
        return total.hexdigest()


def read_context(folder: Path, dockerfile: str | None, size_limit: int) -> Context:
    """Look at a folder before it is built.

    Raises:
        UserError: it has no Dockerfile, holds a link that leads out of it, or is too large.
    """
    root = folder.resolve()
    if not root.is_dir():
        raise UserError(f"`{folder}` is not a folder")
    recipe = _find_dockerfile(root, dockerfile)
    lines = (*ALWAYS_IGNORED, *_own_lines(root, recipe))
    files = tuple(sorted(_walk(root, parse_ignored(lines)), key=os.fsencode))
    return Context(root, recipe, lines, files, _checked_size(root, files, size_limit))


def files_to_send(folder: Path, size_limit: int) -> tuple[str, ...]:
    """Relative paths of what is not ignored in a folder, whether or not it has a Dockerfile, and of
    what says how its image is built, which ignored or not stays out of the image by itself.

    Raises:
        UserError: it holds a link that leads out of it, or is too large.
    """
    root = folder.resolve()
    recipe = next((root / name for name in DOCKERFILES if (root / name).is_file()), root / "-")
    patterns = parse_ignored((*ALWAYS_IGNORED, *_own_lines(root, recipe)))
    directions = {name for name in _directions(recipe) if (root / name).is_file()}
    files = tuple(sorted({*_walk(root, patterns), *directions}, key=os.fsencode))
    _checked_size(root, files, size_limit)
    return files


def _directions(recipe: Path) -> tuple[str, ...]:
    return (recipe.name, f"{recipe.name}.dockerignore", ".dockerignore", "pyproject.toml")


def _find_dockerfile(root: Path, named: str | None) -> Path:
    for name in (named,) if named else DOCKERFILES:
        path = root / name
        if not path.is_file():
            continue
        if not path.resolve().is_relative_to(root):
            raise UserError(f"`{name}` is outside of `{root}`, which it is to build")
        return path
    looked_for = f"`{named}`" if named else " or ".join(f"`{name}`" for name in DOCKERFILES)
    raise UserError(f"there is no {looked_for} in `{root}`", hint="hud init writes one")


def _own_lines(root: Path, dockerfile: Path) -> list[str]:
    for path in (dockerfile.with_name(f"{dockerfile.name}.dockerignore"), root / ".dockerignore"):
        if path.is_file():
            return path.read_text(encoding="utf-8-sig", errors="surrogateescape").splitlines()
    return []


def parse_ignored(lines: tuple[str, ...]) -> list[Pattern]:
    """The patterns of `.dockerignore` lines; the last one that fits a path decides."""
    patterns = []
    for line in lines:
        text = "" if line.startswith("#") else line.strip()
        excludes = not text.startswith("!")
        text = text.removeprefix("!").strip()
        if not text:
            continue
        clean = os.path.normpath(text).lstrip("/")
        try:
            expression = re.compile(_expression(clean))
        except re.error as error:
            raise UserError(f"{line!r} in .dockerignore is not a pattern: {error}") from error
        patterns.append(Pattern(expression, tuple(clean.split("/")), excludes))
    return patterns


def _expression(pattern: str) -> str:
    """A regular expression for one pattern, with the meaning that the engine gives to `*`, `?`,
    `[…]` and `**`.
    """
    found = []
    position = 0
    for match in re.finditer(r"\*\*/?|\*|\?|\[[^\]]*\]|\\(.)", pattern):
        found.append(re.escape(pattern[position : match.start()]))
        position = match.end()
        found.append(_translated(match.group(), at_end=position == len(pattern)))
    found.append(re.escape(pattern[position:]))
    return "".join(found)


def _translated(token: str, *, at_end: bool) -> str:
    if token.startswith("**"):
        return ".*" if at_end or not token.endswith("/") else "(?:.*/)?"
    if token.startswith("["):
        return "[" + token[1:].replace("[", r"\[")
    if token.startswith("\\"):
        return re.escape(token[1])
    return "[^/]*" if token == "*" else "[^/]"


def is_ignored(relative: str, patterns: list[Pattern]) -> bool:
    """Whether a path is left out: it, or a folder that it lies in, fits, and no later line brings
    it back.
    """
    parts = relative.split("/")
    names = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    ignored = False
    for pattern in patterns:
        if pattern.excludes != ignored and any(
            pattern.expression.fullmatch(name) for name in names
        ):
            ignored = pattern.excludes
    return ignored


def _walk(root: Path, patterns: list[Pattern]) -> Iterator[str]:
    """Relative paths of everything that is not ignored; links are not followed."""
    pending = [""]
    while pending:
        folder = pending.pop()
        with os.scandir(root / folder) as entries:
            for entry in entries:
                relative = f"{folder}/{entry.name}" if folder else entry.name
                ignored = is_ignored(relative, patterns)
                if not ignored:
                    yield relative
                if entry.is_dir(follow_symlinks=False) and (
                    not ignored or _may_hold(relative, patterns)
                ):
                    pending.append(relative)


def _may_hold(folder: str, patterns: list[Pattern]) -> bool:
    """Whether a line that brings files back could fit something in an ignored folder."""
    parts = folder.split("/")
    for pattern in patterns:
        own = pattern.parts[: len(parts)]
        if not pattern.excludes and len(pattern.parts) > len(parts) and _fits(own, parts):
            return True
        if not pattern.excludes and "**" in pattern.parts:
            return True
    return False


def _fits(own: tuple[str, ...], parts: list[str]) -> bool:
    return all(re.fullmatch(_expression(one), part) for one, part in zip(own, parts, strict=True))


def _checked_size(root: Path, files: tuple[str, ...], limit: int) -> int:
    total = 0
    largest: dict[str, int] = {}
    for relative in files:
        path = root / relative
        found = path.lstat()
        if stat.S_ISLNK(found.st_mode):
            _refuse_way_out(root, relative)
        elif stat.S_ISREG(found.st_mode):
            top = relative.split("/", 1)[0]
            largest[top] = largest.get(top, 0) + found.st_size
            total += found.st_size
    if total > limit:
        top = max(largest, key=lambda name: largest[name])
        raise UserError(
            f"`{root}` has {size_in_words(total)} to build from, more than {size_in_words(limit)};"
            f" `{top}` alone has {size_in_words(largest[top])}",
            hint="name what the image does not need in .dockerignore",
        )
    return total


def _refuse_way_out(root: Path, relative: str) -> None:
    target = os.readlink(root / relative)
    lands = os.path.normpath(root / Path(relative).parent / target)
    for place in (lands, os.path.realpath(root / relative)):
        if not Path(place).is_relative_to(root):
            raise UserError(
                f"the link `{relative}` leads out of the folder to build, to `{target}`",
                hint=f"copy what it points to, or add `{relative}` to .dockerignore",
            )


def _fingerprint(path: Path, relative: str) -> bytes:
    found = path.lstat()
    head = b"\0%s\0%o\0" % (os.fsencode(relative), stat.S_IMODE(found.st_mode))
    if stat.S_ISLNK(found.st_mode):
        return head + b"link" + os.fsencode(os.readlink(path))
    if not stat.S_ISREG(found.st_mode):
        return head + b"folder"
    with path.open("rb") as file:
        return head + hashlib.file_digest(file, "sha256").digest()
