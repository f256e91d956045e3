"""A controller that is slow, stopped or dead: one banner with the command, and the last data."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from tests.controller.running import RunningController, free_port, running_controller
from tests.dashboard.pages import Pages, texts
from tests.dashboard.seeding import TASKSET, Seeded

pytestmark = pytest.mark.slow
IDS = Seeded()
BANNER = "The controller does not answer"
PLACES: dict[str, tuple[str, dict[str, str | list[str]]]] = {
    "overview": ("overview", {}),
    "environments": ("environments", {}),
    "environment": ("environments", {"environment": "notes"}),
    "log": ("environments", {"environment": "broken", "view": "Log"}),
    "debugger": ("debugger", {"target": "broken"}),
    "tasksets": ("tasksets", {}),
    "taskset": ("tasksets", {"taskset": TASKSET}),
    "task": ("tasksets", {"taskset": TASKSET, "task": "banana-n"}),
    "run": ("tasksets", {"run": TASKSET}),
    "jobs": ("jobs", {}),
    "job": ("jobs", {"job": IDS.baseline}),
    "trace": ("trace", {"job": IDS.baseline, "rollout": IDS.rollout}),
    "compare": ("compare", {"job": [IDS.baseline, IDS.candidate]}),
    "settings": ("settings", {}),
}


@pytest.fixture
def fresh(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, pages: Pages
) -> Iterator[RunningController]:
    """A controller that has only begun, which pages speak to instead of the shared one."""
    with running_controller(tmp_path_factory.mktemp("fresh")) as running:
        monkeypatch.setenv("HUD_API_URL", running.url)
        monkeypatch.setenv("HUD_API_KEY", running.token)
        yield running


@pytest.fixture
def stoppable(controller: RunningController, letters: Seeded) -> Iterator[RunningController]:
    """The shared controller; it goes on after the test."""
    yield controller
    controller.process.send_signal(signal.SIGCONT)


def _shown(page: AppTest) -> set[str]:
    """What a page says, without how long ago."""
    return {re.sub(r"just now|[\d.,]+ \w+ ago", "", line) for line in texts(page).splitlines()}


@pytest.mark.parametrize("place", PLACES)
def test_the_last_data_of_every_page_stays_below_a_banner(
    pages: Pages, stoppable: RunningController, place: str
) -> None:
    name, query = PLACES[place]
    page = pages.open(name, **query)
    before, tables = _shown(page), [len(item.value) for item in page.dataframe]
    stoppable.process.send_signal(signal.SIGSTOP)
    page.run()
    assert before <= _shown(page)
    assert [len(item.value) for item in page.dataframe] == tables
    assert texts(page).count(BANNER) == 1
    assert not page.error


def test_a_dead_controllers_data_stays_with_the_command_that_starts_it(
    pages: Pages, fresh: RunningController
) -> None:
    page = pages.open("settings")
    fresh.process.send_signal(signal.SIGKILL)
    page.run()
    said = texts(page)
    assert BANNER in said
    assert "./scripts/up.sh" in said
    assert "in sqlite" in said


def test_a_page_without_earlier_data_shows_the_banner_alone(
    pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUD_API_URL", f"http://127.0.0.1:{free_port()}")
    said = texts(pages.open("overview"))
    assert said.count(BANNER) == 1


def test_the_page_is_whole_again_when_the_controller_is(
    pages: Pages, stoppable: RunningController
) -> None:
    stoppable.process.send_signal(signal.SIGSTOP)
    page = pages.open("settings")
    assert BANNER in texts(page)
    stoppable.process.send_signal(signal.SIGCONT)
    page.run()
    assert BANNER not in texts(page)


def test_without_results_the_overview_shows_the_first_steps(
    pages: Pages, fresh: RunningController
) -> None:
    assert "hud init my-env --dir environments" in texts(pages.open("overview"))
