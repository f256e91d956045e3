"""A controller that is slow, stopped or dead: one banner with the command, and the last data."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.controller.running import RunningController, running_controller
from tests.dashboard.pages import Pages, texts

pytestmark = pytest.mark.slow


@pytest.fixture
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningController]:
    """One for each test: it will not survive it."""
    with running_controller(tmp_path_factory.mktemp("lost")) as running:
        yield running
        running.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("sent", [signal.SIGSTOP, signal.SIGKILL], ids=["stopped", "killed"])
def test_the_last_data_stays_below_a_banner(
    pages: Pages, controller: RunningController, sent: signal.Signals
) -> None:
    page = pages.open("settings")
    controller.process.send_signal(sent)
    page.run()
    said = texts(page)
    assert "The controller does not answer" in said
    assert "./scripts/up.sh" in said
    assert "sqlite" in said


def test_a_page_without_earlier_data_shows_the_banner_alone(
    pages: Pages, controller: RunningController
) -> None:
    controller.process.kill()
    said = texts(pages.open("overview"))
    assert said.count("The controller does not answer") == 1


def test_the_page_is_whole_again_when_the_controller_is(
    pages: Pages, controller: RunningController
) -> None:
    controller.process.send_signal(signal.SIGSTOP)
    page = pages.open("settings")
    assert "The controller does not answer" in texts(page)
    controller.process.send_signal(signal.SIGCONT)
    page.run()
    assert "does not answer" not in texts(page)
