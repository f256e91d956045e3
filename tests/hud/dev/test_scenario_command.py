"""`hud scenario` against a running `hud dev`."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command import Command, Finished
from tests.forking import Forking
from tests.hud.dev.live import DevServer, command_beside, hud_dev, source

pytestmark = pytest.mark.xdist_group("a server for `hud scenario`")


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory, interpreter: Forking) -> Command:
    return command_beside(tmp_path_factory, source(0), interpreter)


@pytest.fixture(scope="module")
def server(command: Command) -> Iterator[DevServer]:
    with hud_dev(command, "-p", "0") as running:
        yield running


class Player:
    """`hud scenario` with the server's URL."""

    def __init__(self, command: Command, url: str) -> None:
        self._command = command
        self._url = url

    def __call__(self, action: str, *arguments: str) -> Finished:
        return self._command("scenario", action, *arguments, "-u", self._url)


@pytest.fixture
def scenario(command: Command, server: DevServer) -> Player:
    return Player(command, server.url)


def test_scenarios_are_listed_with_their_arguments(scenario: Player) -> None:
    assert scenario("list").stdout == "count(word, times?)  Count letters.\n"


def test_what_one_command_sets_up_another_one_grades(scenario: Player) -> None:
    assert scenario("setup", "count", "-a", '{"word": "abc"}').stdout == (
        "How many letters has abc?\n"
    )
    graded = scenario("grade", "count", "-A", "3")
    assert graded.returncode == 0
    assert json.loads(graded.stdout)["reward"] == 1.0


def test_arguments_keep_their_types(scenario: Player) -> None:
    scenario("setup", "live:count", "-a", '{"word": "abc", "times": 4}', "--session", "typed")
    graded = scenario("grade", "live:count", "-A", "12", "--session", "typed")
    assert json.loads(graded.stdout)["reward"] == 1.0


def test_named_sessions_do_not_see_each_other(scenario: Player) -> None:
    for name, word in (("one", "a"), ("two", "bb")):
        scenario("setup", "count", "-a", json.dumps({"word": word}), "--session", name)
    rewards = [
        json.loads(scenario("grade", "count", "-A", "2", "--session", name).stdout)["reward"]
        for name in ("one", "two")
    ]
    assert rewards == [0.25, 1.0]


def test_run_sets_up_and_grades_at_once(scenario: Player) -> None:
    ended = scenario("run", "count", "-a", '{"word": "abc"}', "-A", "3")
    assert json.loads(ended.stdout)["reward"] == 1.0
    assert "How many letters has abc?" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("setup",), "needs a scenario's name"),
        (("setup", "nope"), "there is no scenario `nope`"),
        (("setup", "count"), "argument 'word' is missing"),
        (("setup", "count", "-a", "{"), "is not JSON"),
        (("setup", "count", "-a", "[]"), "is not a JSON object"),
        (("grade", "count", "--session", "never"), "was not set up from here"),
        (("dance",), "dance"),
    ],
)
def test_what_cannot_be_played_says_why(
    scenario: Player, arguments: tuple[str, ...], message: str
) -> None:
    ended = scenario(*arguments)
    assert ended.returncode in (1, 2)
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_session_that_the_server_forgot_is_opened_again(
    scenario: Player, command: Command
) -> None:
    scenario("setup", "count", "-a", '{"word": "abc"}', "--session", "lost")
    for path in Path(command.env["HOME"], ".hud", "scenario-sessions").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        path.write_text("no-such-session")
    ended = scenario("grade", "count", "-A", "3", "--session", "lost")
    assert ended.returncode == 1
    assert "does not know the session" in ended.stderr
    again = scenario("setup", "count", "-a", '{"word": "abc"}', "--session", "lost")
    assert again.returncode == 0


def test_a_server_that_is_not_there_is_named(command: Command) -> None:
    ended = command("scenario", "list", "-u", "http://127.0.0.1:9/mcp")
    assert ended.returncode == 1
    assert "nothing answers at http://127.0.0.1:9/mcp" in ended.stderr
    assert "hint: start it: hud dev" in ended.stderr
