"""What is deployed is unpacked within its folder, or refused."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from controller.environments import archive
from controller.environments.archive import is_inside, unpack
from controller.errors import TooLarge
from hud.errors import UserError


def packed(path: Path, *members: tarfile.TarInfo, content: bytes = b"x") -> Path:
    """An archive of these entries; files hold `content`."""
    with tarfile.open(path, "w:gz") as tar:
        for member in members:
            if member.isreg():
                member.size = len(content)
            tar.addfile(member, io.BytesIO(content) if member.isreg() else None)
    return path


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    """An entry of an archive."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


@pytest.mark.parametrize(
    "member",
    [
        pytest.param(entry("/etc/passwd"), id="absolute"),
        pytest.param(entry("../escape"), id="parent"),
        pytest.param(entry("a/../../escape"), id="parent-within"),
        pytest.param(entry("a\\..\\b"), id="backslash"),
        pytest.param(entry("link", tarfile.SYMTYPE, "/etc"), id="absolute-link"),
        pytest.param(entry("a/link", tarfile.SYMTYPE, "../../etc"), id="link-out"),
        pytest.param(entry("link", tarfile.LNKTYPE, "../x"), id="hard-link-out"),
        pytest.param(entry("device", tarfile.CHRTYPE), id="device"),
        pytest.param(entry("pipe", tarfile.FIFOTYPE), id="pipe"),
        pytest.param(entry("n" * 2000), id="long-name"),
    ],
)
def test_what_leads_out_of_the_folder_is_refused(tmp_path: Path, member: tarfile.TarInfo) -> None:
    hostile = packed(tmp_path / "x.tar.gz", entry("fine.py"), member)
    with pytest.raises(UserError, match="the archive holds"):
        unpack(hostile, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["x.tar.gz"]


def test_files_cannot_be_written_through_a_link(tmp_path: Path) -> None:
    inner = entry("inner", tarfile.SYMTYPE, "folder")
    harmless = packed(
        tmp_path / "x.tar.gz", entry("folder", tarfile.DIRTYPE), inner, entry("inner/f")
    )
    unpack(harmless, tmp_path / "out")
    assert (tmp_path / "out/folder/f").read_bytes() == b"x"


def test_size_and_number_of_files_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MOST_FILES", 3)
    monkeypatch.setattr(archive, "MOST_BYTES", 100)
    many = packed(tmp_path / "many.tar.gz", *(entry(f"f{n}") for n in range(4)))
    with pytest.raises(TooLarge, match="more than 3 files"):
        unpack(many, tmp_path / "out")
    large = packed(tmp_path / "large.tar.gz", entry("f"), content=b"0" * 101)
    with pytest.raises(TooLarge):
        unpack(large, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"no archive", id="text"),
        pytest.param(gzip.compress(b"no tar"), id="other-gzip"),
        pytest.param(gzip.compress(b"x" * 4096)[:-8], id="cut-off"),
    ],
)
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.tar.gz").write_bytes(content)
    with pytest.raises(UserError, match="cannot be unpacked"):
        unpack(tmp_path / "x.tar.gz", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_digest_is_that_of_the_content(tmp_path: Path) -> None:
    first = unpack(packed(tmp_path / "1.tar.gz", entry("a")), tmp_path / "1")
    again = unpack(packed(tmp_path / "2.tar.gz", entry("a")), tmp_path / "2")
    other = unpack(packed(tmp_path / "3.tar.gz", entry("a"), content=b"y"), tmp_path / "3")
    assert first == again
    assert other != first


@pytest.mark.parametrize(
    ("name", "inside"),
    [("a/b", True), ("a/../b", True), (".", True), ("..", False), ("a/../..", False), ("/", False)],
)
def test_paths_are_followed_from_their_start(name: str, inside: bool) -> None:
    assert is_inside(name) is inside
