"""A program in a container names paths as the engine's host knows them."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from hud.containers.dwelling import Dwelling, declared, joined, own_id
from hud.errors import UserError

HOST = PurePosixPath("/home of/me/my checkout/environments")
ID = "3f" * 32


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        ("letters", "letters"),
        ("letters/", "letters"),
        ("with space/src/a.py", "with space/src/a.py"),
        (".", ""),
        ("letters/../letters", "letters"),
        ("link/a.py", "letters/a.py"),
    ],
)
def test_paths_of_what_is_mounted_are_translated(tmp_path: Path, inside: str, outside: str) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "link").symlink_to("letters")
    found = declared(tmp_path, HOST).host_path(f"{tmp_path}/{inside}")
    assert found == str(HOST / outside)


def test_the_mounted_folder_itself_may_be_named_by_a_link(tmp_path: Path) -> None:
    (tmp_path / "real/letters").mkdir(parents=True)
    (tmp_path / "workspace").symlink_to("real")
    dwelling = declared(tmp_path / "workspace", HOST)
    assert dwelling.host_path(str(tmp_path / "workspace/letters")) == str(HOST / "letters")


def test_the_innermost_mount_counts(tmp_path: Path) -> None:
    (tmp_path / "data/inner").mkdir(parents=True)
    mounts = {str(tmp_path / "data"): "/volumes/data", str(tmp_path / "data/inner"): "/elsewhere"}
    dwelling = Dwelling(mounts)
    assert dwelling.host_path(str(tmp_path / "data/x")) == "/volumes/data/x"
    assert dwelling.host_path(str(tmp_path / "data/inner/x")) == "/elsewhere/x"
    assert Dwelling({"/": "/"}).host_path(str(tmp_path)) == str(tmp_path.resolve())


def test_what_the_host_does_not_know_cannot_be_mounted(tmp_path: Path) -> None:
    (tmp_path / "workspace").mkdir()
    (tmp_path / "workspace/out").symlink_to("/usr")
    dwelling = declared(tmp_path / "workspace", HOST)
    for path in (tmp_path / "workspace-2", tmp_path / "workspace/out"):
        with pytest.raises(UserError, match="knows nothing of that path") as caught:
            dwelling.host_path(str(path))
        assert caught.value.hint == f"put it below one of {tmp_path / 'workspace'}"


def test_a_hosts_path_has_to_be_absolute(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not absolute"):
        declared(tmp_path, PurePosixPath("environments"))


@pytest.mark.parametrize(
    ("line", "found"),
    [
        pytest.param(
            f"1 2 8:1 /var/lib/docker/containers/{ID}/hostname /etc/hostname rw - ext4 /dev/sda rw",
            ID,
            id="container",
        ),
        pytest.param(
            f"1 2 0:9 / /var/lib/docker/containers/{ID}/mounts/shm rw - tmpfs shm rw",
            None,
            id="host-of-an-engine",
        ),
        pytest.param("1 2 8:1 / / rw - ext4 /dev/sda rw", None, id="plain-host"),
        pytest.param("", None, id="unknown"),
    ],
)
def test_a_container_is_known_by_the_files_that_the_engine_put_into_it(
    line: str, found: str | None
) -> None:
    assert own_id(f"{line}\n") == found


def test_what_is_said_of_a_mount_holds_over_what_was_found(tmp_path: Path) -> None:
    found = Dwelling({str(tmp_path): "/elsewhere", "/data": "/volumes/data"})
    both = joined(found, declared(tmp_path, HOST))
    assert both is not None
    assert both.mounts == {str(tmp_path): str(HOST), "/data": "/volumes/data"}
    assert joined(found, None) == found
    assert joined(None, None) is None


def test_where_nothing_is_known_of_the_host_the_hint_says_how_to_tell(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="knows nothing of that path") as caught:
        Dwelling({}).host_path(str(tmp_path))
    assert "HUD_HOST_WORKSPACE" in str(caught.value.hint)
