"""Environments of a workspace at a real controller: they appear, reload, fail and come back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hud.client import Client
from hud.dev.caller import Caller
from hud.errors import HudError, UserError
from tests.controller.environments.template import (
    call,
    connected,
    put,
    put_template,
    settled,
    source,
    until,
)
from tests.controller.running import RunningController


def served(client: Client) -> list[str]:
    """The environments of the workspace."""
    return [one.name for one in client.environments() if one.folder is not None]


@pytest.mark.slow
def test_mcp_leads_to_the_only_environment_or_the_chosen_one(
    workspace: Path, client: Client, controller: RunningController
) -> None:
    until(lambda: None if served(client) else True)
    put(workspace, "first", 1)
    settled(client, "first")
    assert call(connected(f"{controller.mcp_url}/mcp"), "version") == "1"
    put(workspace, "second", 2)
    settled(client, "second")
    with pytest.raises(HudError, match="several environments: `first`, `second`"):
        Caller(f"{controller.mcp_url}/mcp").open()
    client.choose_environment("second")
    assert call(connected(f"{controller.mcp_url}/mcp"), "version") == "2"
    chosen = {one.name: one.is_chosen for one in client.environments()}
    assert (chosen["first"], chosen["second"]) == (False, True)


@pytest.mark.slow
def test_several_are_served_at_once_and_a_broken_one_says_why(
    workspace: Path, client: Client, controller: RunningController
) -> None:
    put(workspace, "one", 1)
    put(workspace, "two", 2)
    broken = put(workspace, "broken")
    broken.write_text("from hud import Environment\nenv = Environment('broken'\n")
    settled(client, "one"), settled(client, "two")
    record = settled(client, "broken", "failed")
    assert record.reason is not None
    assert record.reason.startswith("failed at phase 1: ")
    assert "SyntaxError" in record.reason
    assert call(connected(f"{controller.mcp_url}/one/mcp"), "version") == "1"
    assert call(connected(f"{controller.mcp_url}/two/mcp"), "version") == "2"
    broken.write_text(source("broken", 3))
    settled(client, "broken")
    assert call(connected(f"{controller.mcp_url}/broken/mcp"), "version") == "3"


def test_a_save_that_cannot_be_imported_leaves_the_last_version_serving(
    workspace: Path, client: Client, controller: RunningController
) -> None:
    file = put(workspace, "steady", 1)
    settled(client, "steady")
    caller = connected(f"{controller.mcp_url}/steady/mcp")
    file.write_text("raise ValueError('half done')")
    until(lambda: client.environment("steady").last_error)
    record = client.environment("steady")
    assert record.state == "running"
    assert "half done" in str(record.reason)
    assert call(caller, "version") == "1"
    file.write_text(source("steady", 2))
    until(lambda: client.environment("steady").last_reload)
    reload = client.environment("steady").last_reload
    assert reload is not None
    assert (reload.cause, reload.step) == ("`env.py` changed", "reload")
    assert call(caller, "version") == "2"


@pytest.mark.slow
def test_folders_appear_move_and_go(workspace: Path, client: Client) -> None:
    (workspace / "notes").mkdir()
    (workspace / "notes/main.py").write_text("print('no environment')")
    put(workspace, "early")
    settled(client, "early")
    assert "notes" not in served(client)
    (workspace / "early").rename(workspace / "late")
    settled(client, "late")
    until(lambda: None if "early" in served(client) else True)
    (workspace / "late/env.py").unlink()
    until(lambda: None if "late" in served(client) else True)


@pytest.mark.slow
def test_a_stopped_environment_says_so_and_starts_again(
    workspace: Path, client: Client, controller: RunningController
) -> None:
    put(workspace, "lamp", 7)
    settled(client, "lamp")
    caller = connected(f"{controller.mcp_url}/lamp/mcp")
    client.stop_environment("lamp")
    settled(client, "lamp", "stopped")
    with pytest.raises(HudError, match="environment `lamp` is stopped"):
        call(caller, "version")
    with pytest.raises(UserError, match="environment `lamp` is stopped"):
        client.call_tool("lamp", "version", {})
    client.start_environment("lamp")
    settled(client, "lamp")
    assert call(caller, "version") == "7"


@pytest.fixture(scope="module")
def school(controller: RunningController) -> Iterator[str]:
    """An environment that stays as it is."""
    file = put(controller.workspace, "school")
    with controller.client() as client:
        settled(client, "school")
    yield "school"
    shutil.rmtree(file.parent)


def test_pages_play_scenarios_and_call_tools(client: Client, school: str) -> None:
    record = client.environment(school)
    assert (record.environment, record.tools, record.scenarios) == ("school", 3, 1)
    offer = client.offer(school)
    assert [tool["name"] for tool in offer.tools] == ["version", "bump", "show"]
    assert [scenario["name"] for scenario in offer.scenarios] == ["spell"]
    begun = client.set_up(school, "spell", {"word": "cat"})
    assert begun.prompt == "Spell cat"
    assert client.call_tool(school, "bump", {}).structured == {"result": 1}
    assert client.grade(school, "spell", begun.play, "cat")["reward"] == 1.0
    with pytest.raises(UserError, match="under way"):
        client.grade(school, "spell", begun.play, "cat")
    with pytest.raises(UserError, match="no scenario `spel`"):
        client.set_up(school, "spel", {"word": "cat"})


def test_unknown_environments_are_refused_with_near_names(
    client: Client, controller: RunningController, school: str
) -> None:
    with pytest.raises(UserError, match="no environment `shcool`") as caught:
        client.environment("shcool")
    assert caught.value.hint == "did you mean `school`?"
    with pytest.raises(HudError, match="did you mean `school`"):
        Caller(f"{controller.mcp_url}/shcool/mcp").open()


def test_without_an_engine_a_dockerfile_of_plain_python_runs_as_a_process_and_says_so(
    workspace: Path, client: Client, controller: RunningController
) -> None:
    put_template(workspace, "plain", dockerfile=True)
    record = settled(client, "plain")
    assert record.runs_in == "process"
    assert "its Dockerfile is not used" in str(record.reason)
    caller = connected(f"{controller.mcp_url}/plain/mcp")
    assert call(caller, "count_letter", text="Strawberry", letter="r") == "3"
    with pytest.raises(UserError, match="cannot be built") as caught:
        client.rebuild_environment("plain")
    assert caught.value.hint == "start a container engine"


def test_without_an_engine_a_dockerfile_with_a_system_in_it_is_told_to_need_one(
    workspace: Path, client: Client
) -> None:
    folder = put_template(workspace, "system", dockerfile=True).parent
    recipe = (folder / "Dockerfile").read_text()
    (folder / "Dockerfile").write_text(f"{recipe}\nRUN apt-get install -y postgresql\n")
    put(workspace, "beside")
    record = settled(client, "system", "failed")
    assert "its Dockerfile needs a container engine" in str(record.reason)
    assert "hint: start a container engine" in str(record.reason)
    settled(client, "beside")


def test_what_is_watched_can_be_declared(
    workspace: Path, client: Client, controller: RunningController
) -> None:
    file = put(workspace, "watchful", pyproject="[tool.hud]\nwatch = ['data.txt', 'env.py']\n")
    settled(client, "watchful", "failed")
    data = file.parent / "data.txt"
    data.write_text("1")
    text = source("watchful").replace("return 0", "return int(open('data.txt').read())")
    file.write_text(text)
    client.start_environment("watchful")
    settled(client, "watchful")
    caller = connected(f"{controller.mcp_url}/watchful/mcp")
    data.write_text("2")
    until(lambda: client.environment("watchful").last_reload)
    reload = client.environment("watchful").last_reload
    assert reload is not None
    assert reload.cause == "`data.txt` changed"
    assert call(caller, "version") == "2"
