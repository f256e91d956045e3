"""Environments that run as processes of users of their own."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.environments.users import Users
from hud.dev.caller import Caller
from hud.errors import UserError
from tests.controller.environments.template import call, connected, put, settled
from tests.controller.running import RunningController, running_controller

FIRST = 10002
MORE = '''

@env.tool()
def whoami() -> list[str]:
    """The user, the process, and the user's own folder."""
    home = os.environ["HOME"]
    open(home + "/mine", "w").write("secret")
    return [str(os.getuid()), str(os.getpid()), home]


@env.tool()
def look(path: str) -> str:
    """What is in a file."""
    try:
        return open(path, "rb").read().decode()
    except OSError as exc:
        return type(exc).__name__
'''


def test_an_environment_keeps_its_user(tmp_path: Path) -> None:
    users = Users(tmp_path / "users.json", FIRST)
    assert [users.of("a"), users.of("b"), users.of("a")] == [FIRST, FIRST + 1, FIRST]
    assert Users(tmp_path / "users.json", FIRST).of("b") == FIRST + 1


def test_there_are_only_so_many_users(tmp_path: Path) -> None:
    (tmp_path / "users.json").write_text(f'{{"last": {FIRST + 9_999}}}')
    with pytest.raises(UserError, match="no user is left"):
        Users(tmp_path / "users.json", FIRST).of("one-more")


@pytest.fixture
def controller() -> Iterator[RunningController]:
    """A controller whose folder other users may enter."""
    if os.getuid() != 0:
        pytest.skip("only root can become other users")
    folder = Path(tempfile.mkdtemp(prefix="hud-test-users-"))
    folder.chmod(0o755)
    for name in ("one", "other"):
        file = put(folder / "workspace", name)
        file.write_text(file.read_text() + MORE)
    try:
        with running_controller(folder, HUD_ENVIRONMENT_USER=str(FIRST)) as running:
            yield running
    finally:
        shutil.rmtree(folder)


def test_environments_cannot_look_into_each_others_processes_and_folders(
    controller: RunningController,
) -> None:
    with controller.client() as client:
        settled(client, "one")
        settled(client, "other")
    one, other = (connected(f"{controller.mcp_url}/{name}/mcp") for name in ("one", "other"))
    user, process, home = about(one)
    assert about(other)[0] != user
    looked = [
        call(other, "look", path=path) for path in (f"/proc/{process}/environ", f"{home}/mine")
    ]
    assert looked == ["PermissionError", "PermissionError"]
    assert call(one, "look", path=f"{home}/mine") == "secret"


def about(caller: Caller) -> list[str]:
    """What an environment says of its user."""
    found = caller.ask("tools/call", {"name": "whoami", "arguments": {}})["structuredContent"]
    return [str(item) for item in found["result"]]
