"""The lock is written in whole and read back as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from hud.errors import UserError
from hud.runtime.lock import LOCK_FILE, Lock, LockedImage, read_lock, write_lock

LOCK = Lock(
    image=LockedImage(name="shop:latest", digest="sha256:abc"),
    source="0123",
    start_seconds=1.25,
    tools=[{"name": "größe", "description": "yes: no\n- x", "inputSchema": {"type": "object"}}],
    scenarios=[{"name": "shop:buy", "arguments": []}],
)


def test_a_lock_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    path = write_lock(tmp_path, LOCK)
    assert read_lock(tmp_path) == LOCK
    assert yaml.safe_load(path.read_text("utf-8"))["tools"][0]["name"] == "größe"
    assert [file.name for file in tmp_path.iterdir()] == [LOCK_FILE]


@pytest.mark.parametrize(
    "text", ["", "version: '1.3'\nimages: {}\n", "version: 2\nimage: x\n", "{", "\x00"]
)
def test_what_another_program_wrote_is_no_lock(tmp_path: Path, text: str) -> None:
    (tmp_path / LOCK_FILE).write_text(text)
    assert read_lock(tmp_path) is None


def test_a_folder_that_cannot_be_written_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / LOCK_FILE).mkdir()
    with pytest.raises(UserError, match="cannot write"):
        write_lock(tmp_path, LOCK)
    assert [file.name for file in tmp_path.iterdir()] == [LOCK_FILE]
