"""Deployed environments: versions, fresh instances, and connections to them."""

from __future__ import annotations

import asyncio
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hud.client import Client
from hud.dev.caller import Caller
from hud.environment import Environment
from hud.errors import ConnectionFailure, ControllerUnavailable, HudError, UserError
from hud.wire.platform import BuildRecord, DebugRequest, DeployOptions
from tests.controller.environments.template import (
    call,
    connected,
    processes_of,
    put,
    settled,
    source,
    until,
)
from tests.controller.running import RunningController, running_controller


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder to be deployed."""
    return put(tmp_path / "mine", "speller", 1).parent


def deployed(client: Client, folder: Path, name: str | None = None) -> BuildRecord:
    """What became of a folder's deployment."""
    archive = folder.parent / f"{folder.name}.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, arcname=".")
    begun = client.deploy(archive, DeployOptions(name=name))

    def look() -> BuildRecord | None:
        record = client.build(begun.id)
        return record if record.status != "running" else None

    return until(look)


@pytest.fixture
def speller(client: Client, files: Path) -> Iterator[str]:
    """A deployed environment, by name."""
    record = deployed(client, files, "speller")
    assert record.status == "passed", record
    yield "speller"
    client.remove_environment("speller")


def test_a_deployment_registers_what_the_folder_holds(client: Client, speller: str) -> None:
    record = client.environment(speller)
    assert (record.environment, record.folder, record.version) == ("speller", None, 1)
    assert record.endpoint is not None
    assert record.endpoint.endswith("/hub/local/speller/mcp")
    version = client.versions(speller)[0]
    assert [tool["name"] for tool in version.tools] == ["version", "bump", "show"]
    assert [one["name"].rpartition(":")[2] for one in version.scenarios] == ["spell"]


def test_the_same_folder_is_the_same_version_and_another_one_is_the_next(
    client: Client, speller: str, files: Path
) -> None:
    assert deployed(client, files, speller).status == "passed"
    assert client.environment(speller).version == 1
    (files / "env.py").write_text(source("speller", 2))
    deployed(client, files, "some-org/speller")
    assert client.environment(speller).version == 2
    assert [version.number for version in client.versions(speller)] == [2, 1]


def test_a_folder_that_does_not_load_is_not_registered(client: Client, files: Path) -> None:
    (files / "env.py").write_text("from hud import Environment\nenv = Environment(nonsense)")
    record = deployed(client, files, "nonsense")
    assert record.status == "failed"
    assert "NameError" in str(record.error)
    with pytest.raises(UserError, match="no environment `nonsense`"):
        client.environment("nonsense")


def test_each_session_gets_an_instance_of_its_own(
    controller: RunningController, client: Client, speller: str
) -> None:
    url = f"{controller.mcp_url}/hub/any/{speller}/mcp"
    first, second = connected(url), connected(url)
    assert [call(first, "bump"), call(first, "bump")] == ["1", "2"]
    assert call(second, "bump") == "1"
    first.close()
    with pytest.raises(ConnectionFailure):
        first.ask("tools/list")
    second.close()


def test_sessions_stay_with_the_version_that_they_began_with(
    controller: RunningController, client: Client, speller: str, files: Path
) -> None:
    url = f"{controller.mcp_url}/hub/any/{speller}/mcp"
    old = connected(url)
    assert call(old, "version") == "1"
    (files / "env.py").write_text(source("speller", 5))
    deployed(client, files, speller)
    assert call(connected(url), "version") == "5"
    assert call(old, "version") == "1"


def test_registered_environments_outlive_the_controller(tmp_path: Path, files: Path) -> None:
    with running_controller(tmp_path) as first, first.client() as client:
        assert deployed(client, files).status == "passed"
        assert call(connected(f"{first.mcp_url}/hub/x/speller/mcp"), "version") == "1"
        stuck = put(tmp_path / "workspace", "stuck")
        stuck.write_text("import time, hud\ntime.sleep(600)\nenv = hud.Environment('stuck')")
        run = until(lambda: client.start_debug_run(DebugRequest(target="stuck")))
        until(lambda: client.debug_run(run.id).phases or None)
        first.process.kill()
        first.process.wait(10)
        until(lambda: None if processes_of(tmp_path) else True)
        stuck.unlink()
    with running_controller(tmp_path) as second, second.client() as client:
        assert client.environment("speller").version == 1
        assert call(connected(f"{second.mcp_url}/hub/x/speller/mcp"), "version") == "1"
        assert client.debug_run(run.id).error == "the controller ended before the examination did"


@pytest.fixture
def reachable(controller: RunningController, monkeypatch: pytest.MonkeyPatch) -> RunningController:
    """The controller, where `connect_hub` looks for it."""
    monkeypatch.setenv("HUD_API_URL", controller.url)
    monkeypatch.setenv("HUD_API_KEY", controller.token)
    return controller


def test_connect_hub_gives_a_fresh_instance(reachable: RunningController, speller: str) -> None:
    async def bumped() -> str:
        env = Environment("outer").connect_hub(f"org/{speller}", prefix="hub")
        async with env:
            await env.call_tool("hub_bump")
            return str((await env.call_tool("hub_bump")).text)

    assert [asyncio.run(bumped()), asyncio.run(bumped())] == ["2", "2"]


def test_connect_hub_names_what_is_near(reachable: RunningController, speller: str) -> None:
    async def enter() -> None:
        async with Environment("outer").connect_hub("org/speler"):
            pass

    with pytest.raises(HudError, match="no environment `org/speler`") as caught:
        asyncio.run(enter())
    assert caught.value.hint == "did you mean `speller`?"


def test_connect_hub_says_when_there_is_no_controller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUD_API_URL", "http://127.0.0.1:9")

    async def enter() -> None:
        async with Environment("outer").connect_hub("org/name"):
            pass

    with pytest.raises(ControllerUnavailable, match="no controller answers"):
        asyncio.run(enter())


@pytest.mark.parametrize("slug", ["", "a/b/c", "/name", "org/"])
def test_connect_hub_takes_only_names(slug: str) -> None:
    with pytest.raises(UserError, match="names no environment"):
        Environment("outer").connect_hub(slug)


def test_a_folder_of_the_workspace_can_be_connected_as_it_is(
    controller: RunningController, client: Client
) -> None:
    file = put(controller.workspace, "local", 3)
    try:
        settled(client, "local")
        url = f"{controller.mcp_url}/hub/any/local/mcp"
        assert call(connected(url), "version") == "3"
        file.write_text(source("local", 4))
        assert call(connected(url), "version") == "4"
    finally:
        shutil.rmtree(file.parent)


def test_unknown_names_are_refused_at_the_hub(controller: RunningController) -> None:
    with pytest.raises(HudError, match="no environment `org/unknown`"):
        Caller(f"{controller.mcp_url}/hub/org/unknown/mcp").open()
