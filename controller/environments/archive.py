"""Taking apart what is deployed: an archive of a folder, from whoever has the token.

Nothing in it may lead out of the folder that it is unpacked into, and its size and the number of
its files are bounded.
"""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from controller.errors import TooLarge
from hud.errors import UserError

MOST_FILES = 20_000
MOST_BYTES = 1024**3
LONGEST_PATH = 1024


def unpack(archive: Path, folder: Path) -> str:
    """Unpack a gzipped tar archive into a new folder; returns a digest of what is in it.

    Raises:
        UserError: it is no such archive, or something in it leads out of the folder.
        TooLarge: it holds more, or larger, files than are taken.
    """
    folder.mkdir(parents=True)
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in _checked(tar):
                tar.extract(member, folder, filter="data")
    except (tarfile.TarError, zlib.error, EOFError, OSError) as exc:
        shutil.rmtree(folder, ignore_errors=True)
        raise UserError(f"the archive cannot be unpacked: {exc}") from exc
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    _let_all_read(folder)
    return digest_of(folder)


def _let_all_read(folder: Path) -> None:
    """Let users other than the controller's read it, who run what is in it."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o555 if path.is_dir() else 0o444))


def _checked(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The archive's entries, each after it was looked at."""
    size = 0
    for number, member in enumerate(tar, start=1):
        size += max(member.size, 0)
        if number > MOST_FILES:
            raise TooLarge(f"the archive holds more than {MOST_FILES} files")
        if size > MOST_BYTES:
            raise TooLarge(f"the archive holds more than {MOST_BYTES // 1024**2} MiB")
        check_member(member)
        yield member


def check_member(member: tarfile.TarInfo) -> None:
    """See that an entry is a file, a folder, or a link to something in the archive.

    Raises:
        UserError: it is not.
    """
    if len(member.name) > LONGEST_PATH or not is_inside(member.name):
        raise UserError(f"the archive holds {member.name[:200]!r}, which leads out of it")
    if not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
        raise UserError(f"the archive holds {member.name!r}, which is neither a file nor a folder")
    if member.islnk() and not is_inside(member.linkname):
        raise UserError(f"the archive holds {member.name!r}, a link that leads out of it")
    if member.issym():
        target = PurePosixPath(member.name).parent / member.linkname
        if PurePosixPath(member.linkname).is_absolute() or not is_inside(str(target)):
            raise UserError(f"the archive holds {member.name!r}, a link that leads out of it")


def is_inside(name: str) -> bool:
    """Whether a relative path, followed from its start, never leaves where it started."""
    path = PurePosixPath(name)
    if path.is_absolute() or "\0" in name or "\\" in name:
        return False
    depth = 0
    for part in path.parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return False
    return True


def digest_of(folder: Path) -> str:
    """A digest of a folder's files: their paths, contents, and whether they are programs."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        if path.is_symlink():
            digest.update(b"link\0" + str(path.readlink()).encode() + b"\0")
        elif path.is_file():
            digest.update(b"program\0" if path.stat().st_mode & 0o100 else b"file\0")
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
