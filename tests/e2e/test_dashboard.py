"""The dashboard in a browser: the whole story, what others wrote, and nothing from elsewhere."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Position, expect

from dashboard.components.frame import WATCH_SECONDS
from tests.command import ROOT
from tests.controller.running import RunningController, running_controller
from tests.dashboard import payloads
from tests.dashboard.browsing import LOOK_SECONDS, Visit, chromium, running_dashboard
from tests.dashboard.pages import wait_until_state
from tests.dashboard.payloads import Canary, canary
from tests.dashboard.seeding import TASKSET, Seeded, seed_letters

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
expect.set_options(timeout=LOOK_SECONDS * 1000)
ENVIRONMENTS = ROOT / "tests/dashboard/environments"
IDS = Seeded()
FIRST_ROW: Position = {"x": 60.0, "y": 52.0}
"""Pixels from a table's corner."""


@pytest.fixture(scope="module")
def trap() -> Iterator[Canary]:
    """A server that no page may ask."""
    with canary() as found:
        yield found


@pytest.fixture(scope="module")
def controller(
    tmp_path_factory: pytest.TempPathFactory, trap: Canary
) -> Iterator[RunningController]:
    """A controller with the template, a broken and a hostile environment, and some results."""
    folder = tmp_path_factory.mktemp("story")
    workspace = folder / "workspace"
    shutil.copytree(ENVIRONMENTS, workspace)
    shutil.copytree(ROOT / "env_template", workspace / "letter-counter")
    (workspace / "letter-counter/Dockerfile").unlink()
    (workspace / "hostile").mkdir()
    (workspace / "hostile/env.py").write_text(payloads.environment_source(trap.url))
    with running_controller(folder) as running:
        with running.client() as client:
            seed_letters(client, IDS)
            payloads.seed(client, trap.url)
            wait_until_state(client, "running", "letter-counter", "notes", "hostile")
        yield running


@pytest.fixture(scope="module")
def dashboard(
    controller: RunningController, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    with running_dashboard(controller, tmp_path_factory.mktemp("pages")) as url:
        yield url


@pytest.fixture(scope="module")
def tab(dashboard: str) -> Iterator[Visit]:
    """A browser's tab; it keeps the scripts of pages, which take a second of work to load."""
    with chromium() as browser:
        yield Visit(browser.new_page(viewport={"width": 1440, "height": 900}), dashboard)


@pytest.fixture
def visit(tab: Visit) -> Iterator[Visit]:
    """The tab; afterwards, a look at whether it asked anybody else, or complained."""
    tab.forget()
    yield tab
    assert (tab.outside, tab.errors, tab.dialogs) == ([], [], [])


def test_the_overview_leads_to_the_template_environment(visit: Visit) -> None:
    page = visit.open()
    expect(page.get_by_text("Environments running")).to_be_visible()
    page.get_by_role("link", name="letter-counter").click()
    expect(page.get_by_role("heading", name="letter-counter")).to_be_visible()
    assert "environment=letter-counter" in page.url


def test_a_card_says_how_to_connect(visit: Visit, controller: RunningController) -> None:
    page = visit.open("environments")
    page.get_by_role("button", name="Connect").last.click()
    page.get_by_role("radio", name="Claude Code").click()
    command = f"claude mcp add --transport http notes {controller.mcp_url}/notes/mcp"
    expect(page.get_by_text(command)).to_be_visible()


def test_its_tool_is_called_from_the_page(visit: Visit) -> None:
    page = visit.open("environments", environment="letter-counter")
    page.get_by_role("textbox", name="text", exact=True).fill("strawberry")
    page.get_by_role("textbox", name="letter", exact=True).fill("r")
    page.get_by_role("button", name="Call", exact=True).click()
    expect(page.get_by_text("answered")).to_be_visible()
    expect(page.get_by_text('"result": 3')).to_be_visible()


def test_the_debugger_shows_what_is_broken_and_the_remedy(visit: Visit) -> None:
    page = visit.open("debugger", target="broken")
    page.get_by_role("button", name="Run", exact=True).click()
    remedy = page.get_by_text("install it: pip install a_library_that_nobody_installed")
    expect(remedy).to_be_visible()
    assert re.search(r"[?&]run=debug-", page.url)


def test_a_taskset_is_run_from_the_page_and_watched_until_it_ends(visit: Visit) -> None:
    page = visit.open("tasksets", run="letter-counter")
    expect(page.get_by_text("Rollouts", exact=True)).to_be_visible()
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url(re.compile(r"/jobs\?.*job="))
    expect(page.get_by_text("finished").first).to_be_visible()


def test_a_filter_by_a_column_is_put_into_the_address(visit: Visit) -> None:
    page = visit.open("tasksets", taskset=TASKSET)
    expect(page.get_by_text("1–12 of 12 tasks")).to_be_visible()
    page.get_by_role("button", name="Columns", exact=True).click()
    page.get_by_label("difficulty").fill("5")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1–2 of 2 tasks")).to_be_visible()
    assert "column-difficulty-from=5" in page.url


def test_a_trace_is_read_and_the_next_one_reached_by_key(visit: Visit) -> None:
    page = visit.open("trace", job=IDS.baseline, rollout=IDS.rollout)
    expect(page.get_by_text("strawberry-r").first).to_be_visible()
    expect(page.get_by_role("button", name="Next run")).to_be_enabled()
    page.keyboard.press("ArrowRight")
    expect(page).not_to_have_url(re.compile(re.escape(IDS.rollout)))


def test_a_clock_of_the_page_before_does_not_wipe_the_next(tab: Visit) -> None:
    browser = tab.page.context.browser
    assert browser is not None
    with closing(browser.new_page(viewport={"width": 1440, "height": 900})) as page:
        page.clock.install()
        Visit(page, tab.url).open("jobs", job=IDS.baseline, view="Rollouts")
        page.locator("[data-testid=stDataFrame]").first.click(position=FIRST_ROW)
        for _ in range(200):
            page.clock.fast_forward(int(WATCH_SECONDS * 1000))
            page.wait_for_timeout(40)
            if "/trace" in page.url:
                break
        answers = page.get_by_text("Model calls").first
        expect(answers).to_be_visible()
        page.get_by_text("Scoring").first.click()
        expect(answers).to_be_visible()


def test_two_jobs_are_compared(visit: Visit) -> None:
    page = visit.open("compare", job=[IDS.baseline, IDS.candidate])
    expect(page.get_by_text("baseline").first).to_be_visible()
    expect(page.get_by_text("9 better, 0 same, 3 worse")).to_be_visible()


def test_a_job_is_downloaded_as_csv(visit: Visit, tmp_path: Path) -> None:
    page = visit.open("jobs", job=IDS.baseline)
    page.get_by_role("button", name="Download", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Tasks with rewards (CSV)").click()
    target = tmp_path / "job.csv"
    download.value.save_as(target)
    lines = target.read_text().splitlines()
    assert lines[0].startswith("slug,")
    assert len(lines) > 12


HOSTILE_PAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "overview": ("", {}),
    "environments": ("environments", {}),
    "log": ("environments", {"environment": "hostile", "view": "Log"}),
    "tasksets": ("tasksets", {}),
    "taskset": ("tasksets", {"taskset": payloads.TASKSET}),
    "task": ("tasksets", {"taskset": payloads.TASKSET, "task": "a"}),
    "run": ("tasksets", {"run": payloads.TASKSET}),
    "jobs": ("jobs", {}),
    "job": ("jobs", {"job": payloads.JOBS[0]}),
    "trace": ("trace", {"job": payloads.JOBS[0], "rollout": "a.nop.0"}),
    "failed trace": ("trace", {"job": payloads.JOBS[0], "rollout": "b.nop.0"}),
    "compare": ("compare", {"job": list(payloads.JOBS)}),
}


@pytest.mark.parametrize("name", HOSTILE_PAGES)
def test_what_others_wrote_is_only_text(visit: Visit, trap: Canary, name: str) -> None:
    path, query = HOSTILE_PAGES[name]
    page = visit.open(path, **query)
    visit.settle()
    _is_harmless(page, trap)


def test_what_a_tool_says_is_only_text(visit: Visit, trap: Canary) -> None:
    page = visit.open("environments", environment="hostile")
    page.get_by_role("button", name="Call", exact=True).click()
    expect(page.get_by_text("is not shown: it is no PNG")).to_be_visible()
    _is_harmless(page, trap)


def test_what_a_scenario_asks_is_only_text(visit: Visit, trap: Canary) -> None:
    page = visit.open("environments", environment="hostile", view="Scenarios")
    page.get_by_test_id("stFormSubmitButton").get_by_role("button", name="Start").click()
    page.get_by_role("button", name="Grade", exact=True).click()
    expect(page.get_by_text("Reward")).to_be_visible()
    _is_harmless(page, trap)


def test_what_is_examined_is_only_text(visit: Visit, trap: Canary) -> None:
    page = visit.open("debugger", target="hostile", run="<img src=x onerror=alert(1)>")
    _is_harmless(page, trap)


def _is_harmless(page: Page, trap: Canary) -> None:
    page.wait_for_load_state("networkidle")
    assert trap.hits == []
    host = trap.url.removeprefix("http://")
    for selector in (
        f"a[href*='{host}']",
        "a[href^='javascript:']",
        "a[href*='evil.example']",
        f"[src*='{host}']",
        "main svg[onload], [onerror]",
        "main iframe, main style",
    ):
        assert page.locator(selector).count() == 0, page.locator(selector).first.evaluate(
            "item => item.outerHTML"
        )
