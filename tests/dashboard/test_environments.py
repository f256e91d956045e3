"""Environments: cards, tools and scenarios that are tried out, start and stop, logs."""

from __future__ import annotations

from pathlib import Path

import pytest

from hud.client import Client
from tests.controller.running import RunningController
from tests.dashboard.pages import Pages, press, texts, wait_until, wait_until_state


def test_each_environment_has_a_card_with_its_state_and_endpoint(
    pages: Pages, controller: RunningController
) -> None:
    said = texts(pages.open("environments"))
    assert f"{controller.mcp_url}/letter-counter/mcp" in said
    assert "a_library_that_nobody_installed" in said


def test_a_tool_is_called_with_a_form_made_from_its_schema(pages: Pages) -> None:
    page = pages.open("environments", environment="letter-counter")
    page.text_area(key="call-letter-counter-count_letter-text").input("strawberry")
    page.text_input(key="call-letter-counter-count_letter-letter").input("r")
    said = texts(press(page, "Call"))
    assert '"result": 3' in said


def test_numbers_choices_and_defaults_get_fields_of_their_kind(pages: Pages) -> None:
    page = pages.open("environments", environment="notes")
    page.text_area(key="call-notes-note-text").input("milk")
    page.number_input(key="call-notes-note-importance").set_value(4)
    page.selectbox(key="call-notes-note-kind").select("task")
    said = texts(press(page, "Call"))
    assert '"noted": "milk"' in said
    assert '"importance": "4"' in said
    assert '"kind": "task"' in said


def test_what_is_no_json_is_refused_with_a_hint(pages: Pages) -> None:
    page = pages.open("environments", environment="notes")
    page.selectbox(key="tool").select("place").run()
    page.text_area(key="call-notes-place-at").input("{x: 1}")
    said = texts(press(page, "Call"))
    assert "`at` is not JSON" in said
    assert '→ a list is ["a", "b"]' in said


def test_a_tool_that_fails_answers_with_its_error(pages: Pages) -> None:
    page = pages.open("environments", environment="notes")
    page.selectbox(key="tool").select("lose").run()
    said = texts(press(page, "Call"))
    assert "the database is locked" in said
    assert "red-badge" in said


def test_pictures_in_answers_are_shown(pages: Pages) -> None:
    page = pages.open("environments", environment="notes")
    page.selectbox(key="tool").select("draw").run()
    page.text_input(key="call-notes-draw-label").input("hello")
    page = press(page, "Call")
    assert len(page.image) == 1, texts(page)


def test_a_scenario_is_played_from_prompt_to_reward(pages: Pages) -> None:
    page = pages.open("environments", environment="notes", view="Scenarios")
    page.number_input(key="play-notes-pick-count").set_value(3)
    start = next(button for button in page.button if button.form_id == "play-pick")
    start.click().run()
    assert "Pick 3 notes of the kind idea." in texts(page)
    page.text_area(key="answer-notes-pick").input("these")
    said = texts(press(page, "Grade"))
    assert "0.50" in said
    assert "half of them" in said


def test_an_environment_is_stopped_and_started(pages: Pages, client: Client) -> None:
    press(pages.open("environments", environment="notes"), "Stop")
    wait_until(lambda: client.environment("notes").state == "stopped")
    wait_until(lambda: "It is stopped" in texts(pages.open("environments", environment="notes")))
    press(pages.open("environments", environment="notes"), "Start")
    wait_until_state(client, "running", "notes")


def test_a_reload_is_told_with_its_cause_and_time(
    pages: Pages, client: Client, controller: RunningController
) -> None:
    source = controller.workspace / "notes/env.py"
    source.write_text(f"{source.read_text()}\n# changed\n")
    wait_until(lambda: client.environment("notes").last_reload is not None)
    said = texts(pages.open("environments", environment="notes"))
    assert "env.py" in said
    assert " ms · " in said or " s · " in said


def test_choosing_one_lets_mcp_lead_to_it(pages: Pages, client: Client) -> None:
    press(pages.open("environments", environment="letter-counter"), "Choose for /mcp")
    assert client.environment("letter-counter").is_chosen


def test_rebuilding_without_an_engine_says_why_not(pages: Pages) -> None:
    page = press(pages.open("environments", environment="notes"), "Rebuild")
    assert "has no Dockerfile" in texts(page)


@pytest.mark.parametrize(
    ("view", "shown"),
    [
        ("Log", "a_library_that_nobody_installed"),
        ("Builds", "No image was built for it"),
        ("Versions", "hud deploy environments/broken"),
        ("Connect", '"mcpServers"'),
        ("Tools", "It is failed"),
    ],
)
def test_a_view_is_addressed_by_url(pages: Pages, view: str, shown: str) -> None:
    assert shown in texts(pages.open("environments", environment="broken", view=view))


def test_an_unknown_environment_is_one_line_with_a_hint(pages: Pages) -> None:
    said = texts(pages.open("environments", environment="note"))
    assert "there is no environment `note`" in said
    assert "notes" in said


def test_a_folder_that_appears_gets_a_card(pages: Pages, controller: RunningController) -> None:
    folder: Path = controller.workspace / "late"
    folder.mkdir()
    (folder / "env.py").write_text('from hud import Environment\n\nenv = Environment("late")\n')
    with controller.client() as client:
        wait_until(lambda: "late" in {item.name for item in client.environments()})
    assert "/late/mcp" in texts(pages.open("environments"))
