"""Deployed environments: versions, fresh instances, and connections to them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from hud.client import Client
from hud.dev.caller import Caller
from hud.environment import Environment
from hud.errors import ConnectionFailure, ControllerUnavailable, HudError, UserError
from tests.controller.environments.template import (
    call,
    connected,
    deployed,
    put,
    settled,
    source,
)
from tests.controller.running import RunningController


@pytest.fixture(scope="module")
def speller(
    controller: RunningController, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A deployed environment, by name; it stays as it is."""
    folder = put(tmp_path_factory.mktemp("deployed"), "speller", 1).parent
    with controller.client() as client:
        record = deployed(client, folder, "speller")
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


@pytest.mark.slow
def test_the_same_folder_is_the_same_version_and_another_one_is_the_next(
    client: Client, controller: RunningController, tmp_path: Path
) -> None:
    """A session stays with the version that it began with."""
    file = put(tmp_path, "growing", 1)
    url = f"{controller.mcp_url}/hub/any/growing/mcp"
    for _ in range(2):
        assert deployed(client, file.parent, "growing").status == "passed"
        assert client.environment("growing").version == 1
    old = connected(url)
    assert call(old, "version") == "1"
    file.write_text(source("growing", 5))
    deployed(client, file.parent, "some-org/growing")
    assert client.environment("growing").version == 2
    assert [version.number for version in client.versions("growing")] == [2, 1]
    assert call(connected(url), "version") == "5"
    assert call(old, "version") == "1"


def test_a_folder_that_does_not_load_is_not_registered(client: Client, tmp_path: Path) -> None:
    file = put(tmp_path, "nonsense")
    file.write_text("from hud import Environment\nenv = Environment(nonsense)")
    record = deployed(client, file.parent, "nonsense")
    assert record.status == "failed"
    assert "NameError" in str(record.error)
    with pytest.raises(UserError, match="no environment `nonsense`"):
        client.environment("nonsense")


@pytest.mark.slow
def test_each_session_gets_an_instance_of_its_own(
    controller: RunningController, speller: str
) -> None:
    url = f"{controller.mcp_url}/hub/any/{speller}/mcp"
    first, second = connected(url), connected(url)
    assert [call(first, "bump"), call(first, "bump")] == ["1", "2"]
    assert call(second, "bump") == "1"
    first.close()
    with pytest.raises(ConnectionFailure):
        first.ask("tools/list")
    second.close()


@pytest.fixture
def reachable(controller: RunningController, monkeypatch: pytest.MonkeyPatch) -> RunningController:
    """The controller, where `connect_hub` looks for it."""
    monkeypatch.setenv("HUD_API_URL", controller.url)
    monkeypatch.setenv("HUD_API_KEY", controller.token)
    return controller


@pytest.mark.slow
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
    workspace: Path, controller: RunningController, client: Client
) -> None:
    file = put(workspace, "local", 3)
    settled(client, "local")
    url = f"{controller.mcp_url}/hub/any/local/mcp"
    assert call(connected(url), "version") == "3"
    file.write_text(source("local", 4))
    assert call(connected(url), "version") == "4"


def test_unknown_names_are_refused_at_the_hub(controller: RunningController) -> None:
    with pytest.raises(HudError, match="no environment `org/unknown`"):
        Caller(f"{controller.mcp_url}/hub/org/unknown/mcp").open()


def test_instances_are_forked_from_one_process_that_has_the_libraries(
    controller: RunningController, client: Client, tmp_path: Path
) -> None:
    file = put(tmp_path, "forked")
    parent = '\n@env.tool()\ndef parent() -> int:\n    """Who started this."""\n'
    file.write_text(f"{source('forked')}\n{parent}    return os.getppid()\n")
    assert deployed(client, file.parent, "forked").status == "passed"
    url = f"{controller.mcp_url}/hub/any/forked/mcp"
    callers = [connected(url) for _ in range(3)]
    assert len({call(caller, "parent") for caller in callers}) == 1
    assert [call(caller, "bump") for caller in callers] == ["1"] * 3
