"""Jobs side by side."""

from __future__ import annotations

import pytest

from dashboard.components.comparing import change_between, reading
from hud.wire import Interval, PairedDifference
from tests.controller.records import record, transcript
from tests.controller.running import RunningController
from tests.dashboard.pages import Pages, texts
from tests.dashboard.tables import place, table

PAIR = ["first", "second"]
TASKS = [f"t{number:02}" for number in range(30)]


@pytest.fixture(scope="module", autouse=True)
def _pair(controller: RunningController) -> None:
    with controller.client() as client:
        for job, kept in (("first", 10), ("second", 25)):
            played = [
                transcript(job, task, reward=float(place < kept), columns={"half": place % 2})
                for place, task in enumerate(TASKS)
            ]
            record(client, job, *played, name=f"the {job}")


def test_entries_are_ranked_with_their_intervals(pages: Pages) -> None:
    rows = table(pages.open("compare", job=PAIR), "pass")
    assert list(rows["entry"]) == ["the second", "the first"]
    assert list(rows["pass"]) == ["83%", "33%"]


def test_the_difference_has_interval_and_test(pages: Pages) -> None:
    row = table(pages.open("compare", job=PAIR), "difference").iloc[0]
    assert (row["difference"], row["p"], row["reading"]) == ("+0.50", "< 0.001", "better")
    assert (row["better"], row["same"], row["worse"]) == (15, 15, 0)


def test_the_matrix_has_pages_and_filters(pages: Pages) -> None:
    page = pages.open("compare", job=PAIR)
    assert "1–25 of 30 tasks" in texts(page)
    assert "1–15 of 15 tasks" in texts(pages.open("compare", job=PAIR, change="better"))
    page.number_input(key="compared-half-from").set_value(1.0).run()
    assert "1–15 of 15 tasks" in texts(page)


def test_a_task_links_to_the_traces_of_both(pages: Pages) -> None:
    page = pages.open("compare", job=PAIR, task="t12")
    links = [item.proto.query_string for item in page.get("page_link")]
    assert any("job=first" in link and "t12.nop.0" in link for link in links)
    assert any("job=second" in link and "t12.nop.0" in link for link in links)


def test_jobs_are_chosen_on_the_page(pages: Pages) -> None:
    page = pages.open("compare")
    assert "Choose two jobs or more" in texts(page)
    page.multiselect(key="jobs-compared").set_value(PAIR).run()
    assert place(page) == {"job": PAIR}
    assert table(page, "difference") is not None


def test_one_job_asks_for_another(pages: Pages) -> None:
    assert "Choose another job" in texts(pages.open("compare", job="first"))


def test_a_job_that_is_gone_is_one_line(pages: Pages) -> None:
    assert "there is no job `gone`" in texts(pages.open("compare", job=["first", "gone"]))


@pytest.mark.parametrize(
    ("first", "now", "change"),
    [(0.0, 1.0, "better"), (1.0, 0.5, "worse"), (0.1 + 0.2, 0.3, "same"), (None, 1.0, None)],
    ids=["better", "worse", "same", "nothing before"],
)
def test_what_became_of_a_task(first: float | None, now: float | None, change: str | None) -> None:
    assert change_between(first, now) == change


@pytest.mark.parametrize(
    ("mean", "p", "said"),
    [(0.2, 0.01, "better"), (-0.2, 0.01, "worse"), (0.2, 0.2, "could be chance")],
    ids=["better", "worse", "chance"],
)
def test_a_difference_is_put_into_words(mean: float, p: float, said: str) -> None:
    found = Interval(mean=mean, low=mean - 0.1, high=mean + 0.1, count=9)
    assert reading(PairedDifference(first="a", second="b", difference=found, p_value=p)) == said
