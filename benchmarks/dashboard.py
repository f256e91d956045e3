"""How long the dashboard's pages take with many rollouts in the store, as a browser sees it.

The store holds one job of 200,000 rollouts, and 200 jobs of 1,000 that evaluated one taskset again
and again. A page counts as there when what it is for is visible, not its frame; a change begins
with the click. Needs Debian's `chromium`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import anyio
from measuring.filling import Shape, fill
from measuring.processes import ROOT, processor_seconds
from measuring.table import Goal, Row, introduce, show
from playwright.sync_api import Browser, Page, Position, ViewportSize
from playwright.sync_api import Error as BrowserError

from controller.store import Store

sys.path.insert(0, str(ROOT))

from tests.controller.running import running_controller
from tests.dashboard.browsing import Visit, chromium, dashboard_process

FIRST, CHANGE = Goal(1000.0), Goal(1500.0)
VIEWPORT: ViewportSize = {"width": 1440, "height": 900}
MANY, EACH, TASKSET = 200, 1000, "thousand"
HUGE = "20260201-000000-0999"
"""The newest job, which has as many rollouts as all others together."""
VARIANTS, GROUP = 2, 10
ATTEMPTS = 5
CHART = "[data-testid=stVegaLiteChart] svg"
SECOND_CHART = f"{CHART} >> nth=1"
ROW_HEIGHT = 35.0
"""Pixels of a row of a table, its head included."""
TABLE = "[data-testid=stDataFrame]"


@dataclass(frozen=True)
class Step:
    """Something that a user does, and what shows that the page is there."""

    what: str
    act: Callable[[Page], object]
    signs: Sequence[str]
    """Selectors that are visible then, one of them not before; `act` may return another."""
    goal: Goal = CHANGE


class Took(NamedTuple):
    """Milliseconds until something was there, and those of both processes' processor time."""

    time: float
    cpu: float


@dataclass(frozen=True)
class Subject:
    """The dashboard and its controller."""

    url: str
    pids: tuple[int, int]

    def processor_seconds(self) -> float:
        """Processor time of both so far."""
        return sum(map(processor_seconds, self.pids))


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rollouts", type=int, default=200_000, help="those of the largest job")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--keep", type=Path, help="a folder with the store of an earlier run")
    options = parser.parse_args()
    introduce()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(options.keep or Path(folder), options.rollouts, options.repeats)
    title = f"a job of {options.rollouts:,} rollouts, {MANY} jobs of {EACH:,}, in one store"
    show(title, rows)


def measure(folder: Path, rollouts: int, repeats: int) -> list[Row | str]:
    """Fill a store where there is none, then look at every page."""
    database = folder / "data/hud.db"
    if not database.exists():
        database.parent.mkdir(parents=True, exist_ok=True)
        anyio.run(_fill, f"sqlite:///{database}", rollouts)
    with _running(folder) as subject, chromium() as browser:
        opened = [_undisturbed(browser, subject, _first_look) for _ in range(repeats + 1)]
        walked = [_undisturbed(browser, subject, _walk) for _ in range(repeats)]
    (_, first), *others = opened
    painted, filled = zip(*others, strict=True)
    return [
        "in a browser that was never here, which loads and compiles all of Streamlit",
        _row("Overview, the first time since the dashboard was started", [first]),
        _row("first paint", painted, FIRST),
        _row("Overview with all of its figures", filled),
        "what a user does then",
        *(
            _row(step.what, [walk[place] for walk in walked], step.goal)
            for place, step in enumerate(STEPS)
        ),
    ]


def _row(what: str, found: Sequence[Took], goal: Goal | None = None) -> Row:
    cpu = sum(took.cpu for took in found) / len(found)
    return Row(what, "ms", [took.time for took in found], cpu=cpu, goal=goal)


async def _fill(url: str, rollouts: int) -> None:
    store = await Store.open(url)
    shapes = [Shape(job_id(n), f"nightly {n}", EACH, taskset=TASKSET) for n in range(MANY)]
    shapes.append(Shape(HUGE, "the huge one", rollouts // (VARIANTS * GROUP), VARIANTS, GROUP))
    await fill(store, shapes)
    await store.aclose()


def job_id(number: int) -> str:
    """The id of one of the smaller jobs."""
    return f"20260101-000000-{number:04}"


@contextmanager
def _running(folder: Path) -> Iterator[Subject]:
    with (
        running_controller(folder) as controller,
        dashboard_process(controller, folder) as (url, process),
    ):
        yield Subject(url, (controller.process.pid, process.pid))


def _undisturbed(
    browser: Browser, subject: Subject, look: Callable[[Page, Subject], list[Took]]
) -> list[Took]:
    """What a look in a fresh tab took; again, where the machine's networks changed meanwhile."""
    for _ in range(ATTEMPTS):
        context = browser.new_context(viewport=VIEWPORT)
        visit = Visit(context.new_page(), subject.url)
        try:
            took = look(visit.page, subject)
        except BrowserError:
            if not visit.disturbances:
                raise
        finally:
            context.close()
        if not visit.disturbances:
            return took
    raise SystemExit("the machine's networks change all the time: try again later")


def _first_look(page: Page, subject: Subject) -> list[Took]:
    """Until the browser has painted anything, by its own account, and until all is there."""
    filled = _do(page, subject, Step("", _open_at(subject.url), OVERVIEW))
    return [Took(float(page.evaluate(FIRST_PAINT)), filled.cpu), filled]


def _walk(page: Page, subject: Subject) -> list[Took]:
    """Every step once."""
    page.goto(subject.url)
    _wait(page, OVERVIEW)
    return [_do(page, subject, step) for step in STEPS]


def _open_at(url: str) -> Callable[[Page], object]:
    return lambda page: page.goto(url, wait_until="commit")


def _do(page: Page, subject: Subject, step: Step) -> Took:
    """What a step took until its signs were visible, of the processor until all was drawn."""
    before, started = subject.processor_seconds(), time.perf_counter()
    try:
        told = step.act(page)
        _wait(page, [*step.signs, *([told] if isinstance(told, str) else [])])
    except BrowserError:
        page.screenshot(path=str(Path(tempfile.gettempdir()) / "benchmark-dashboard.png"))
        raise
    took = time.perf_counter() - started
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    return Took(took * 1000, (subject.processor_seconds() - before) * 1000)


def _wait(page: Page, signs: Sequence[str]) -> None:
    for sign in signs:
        page.locator(sign).first.wait_for(state="visible")


def _to(name: str) -> Callable[[Page], object]:
    return lambda page: page.get_by_role("link", name=name, exact=True).first.click()


def _row_of(number: int) -> Callable[[Page], object]:
    """A click on a row of the page's table."""
    place: Position = {"x": 60.0, "y": ROW_HEIGHT * (number + 1.5)}
    return lambda page: page.locator(TABLE).first.click(position=place)


def _press(name: str) -> Callable[[Page], object]:
    return lambda page: page.get_by_role("button", name=name).first.click()


def _view(name: str) -> Callable[[Page], object]:
    return lambda page: page.get_by_test_id("stButtonGroup").get_by_text(name).first.click()


def _order(name: str) -> Callable[[Page], object]:
    def choose(page: Page) -> None:
        page.get_by_role("combobox", name="Order").click()
        page.get_by_role("option", name=name).click()

    return choose


def _suggested(page: Page) -> None:
    page.get_by_role("link", name="The last two of").click()


def _next_run(page: Page) -> str:
    """Go to the run after this one; its number is the sign that it is there."""
    about = page.locator("text=/run [0-9]+ of/").first.inner_text()
    number = int(about.partition("run ")[2].split()[0])
    page.get_by_role("button", name="Next run").first.click()
    return _says(f"run {number % GROUP + 1} of")


def _says(text: str) -> str:
    return f"text={text}"


FIRST_PAINT = "performance.getEntriesByName('first-paint')[0].startTime"
OVERVIEW = (_says("Rollouts kept"), _says("All jobs"), TABLE)
STEPS = (
    Step("Environments", _to("Environments"), [_says("No environment yet")]),
    Step("Debugger", _to("Debugger"), [_says("What was examined is kept here")]),
    Step("Tasksets", _to("Tasksets"), [_says("Tasks that are run together"), TABLE]),
    Step("the taskset", _row_of(0), [_says("of 1,000 tasks")]),
    Step("Settings", _to("Settings"), [_says("controller at"), _says("rollouts")]),
    Step("Compare, before jobs are chosen", _to("Compare"), [_says("The last two of")]),
    Step("two jobs compared", _suggested, [_says("Difference to"), SECOND_CHART]),
    Step("Jobs", _to("Jobs"), [_says(f"of {MANY + 1} jobs")]),
    Step("the huge job, with its matrix", _row_of(0), [_says("1–20 of"), SECOND_CHART]),
    Step("its matrix, lowest first", _order("Lowest first"), [f"{CHART} >> text=task-0"]),
    Step("its matrix, another page", _press("Next page"), [_says("21–40 of")]),
    Step("its failures", _view("Failures"), [_says("503: overloaded")]),
    Step("its rollouts", _view("Rollouts"), [_says("1–25 of")]),
    Step("a trace in it", _row_of(0), [_says("Model calls"), CHART]),
    Step("the next trace", _next_run, []),
    Step("Overview", _to("Overview"), OVERVIEW),
    Step("Overview, the browser's page loaded anew", lambda page: page.reload(), OVERVIEW),
)


if __name__ == "__main__":
    main()
