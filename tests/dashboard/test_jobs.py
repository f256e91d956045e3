"""Jobs: the list, and one with its results, from rollouts that are stored."""

from __future__ import annotations

import pytest

from hud.client import Client
from hud.wire import JobRequest, Variant
from tests.controller.records import job, record, transcript
from tests.dashboard.pages import Pages, texts, wait_until
from tests.dashboard.seeding import TASKSET, Seeded
from tests.dashboard.tables import click, place, table

IDS = Seeded()
pytestmark = pytest.mark.usefixtures("letters")


def test_the_list_has_a_row_for_each_job_the_newest_first(pages: Pages) -> None:
    rows = table(pages.open("jobs", of=TASKSET), "jobs").set_index("name")
    assert list(rows.index)[-3:] == ["overnight run", "candidate: shorter prompt", "baseline"]
    assert rows.loc["overnight run", "status"] == "running"
    assert rows.loc["overnight run", "progress"] == "17 / 36"
    assert rows.loc["baseline", "failed"] == 6


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"status": "running"}, ["overnight run"]),
        ({"search": "shorter"}, ["candidate: shorter prompt"]),
        ({"of": "letter-counting", "status": "finished", "search": "base"}, ["baseline"]),
    ],
    ids=["status", "search", "all"],
)
def test_filters_are_in_the_address(
    pages: Pages, filters: dict[str, str], names: list[str]
) -> None:
    assert list(table(pages.open("jobs", **filters), "jobs")["name"]) == names


def test_filters_that_nothing_fits_say_so(pages: Pages) -> None:
    assert "No job fits these filters" in texts(pages.open("jobs", search="zzz"))


def test_a_click_on_a_row_opens_the_job(pages: Pages) -> None:
    page = pages.open("jobs")
    row = list(table(page, "jobs")["name"]).index("baseline")
    assert place(click(page, "jobs", row)) == {"job": IDS.baseline}


def test_a_job_shows_its_numbers(pages: Pages) -> None:
    page = pages.open("jobs", job=IDS.baseline)
    values = {item.label: item.value for item in page.metric}
    assert values["Passed"] == "51 of 114"
    assert values["Without reward"] == "6 of 120"
    rows = table(page, "interval").set_index("variant")
    assert list(rows.index) == ["claude-sonnet-4-5", "gpt-5-mini"]
    assert rows.loc["gpt-5-mini", "pass@1"].endswith("%")


def test_the_mean_is_compared_with_the_job_before(pages: Pages) -> None:
    page = pages.open("jobs", job=IDS.candidate)
    assert next(item for item in page.metric if item.label == "Mean reward").delta == "+0.24"


def test_failures_are_listed_by_cause(pages: Pages) -> None:
    said = texts(pages.open("jobs", job=IDS.baseline, view="Failures"))
    assert "red-badge[:material/error: provider]" in said
    assert "claude: 529: overloaded" in said
    assert "Failed rollouts have no reward" in said


def test_rollouts_are_filtered_by_the_controller_and_open_their_trace(pages: Pages) -> None:
    page = pages.open("jobs", job=IDS.baseline, view="Rollouts", ended="failed", sort="By task")
    rows = table(page, "rollouts")
    assert len(rows) == 6
    assert set(rows["reward"]) == {"–"}
    opened = place(click(page, "rollouts", 0))
    assert opened["job"] == IDS.baseline
    assert opened["rollout"].startswith(rows.iloc[0]["task"])


def test_the_command_is_shown_as_it_is_typed(pages: Pages) -> None:
    page = pages.open("jobs", job=IDS.running, view="About")
    assert page.code[0].value == (
        "hud eval letter-counting claude --model claude-sonnet-4-5 --group-size 3"
    )


def test_a_job_of_several_agents_has_a_command_for_each(pages: Pages) -> None:
    page = pages.open("jobs", job=IDS.baseline, view="About")
    rest = "--full --group-size 5 --max-steps 10 --remote"
    assert page.code[0].value.splitlines() == [
        f"hud eval letter-counting claude --model claude-sonnet-4-5 {rest}",
        f"hud eval letter-counting openai --model gpt-5-mini {rest}",
    ]


def test_a_job_without_tasks_is_empty_and_healthy(pages: Pages, client: Client) -> None:
    record(client, "empty")
    assert "No task belongs to this job" in texts(pages.open("jobs", job="empty"))


def test_the_matrix_of_a_thousand_tasks_has_pages(pages: Pages, client: Client) -> None:
    client.record_job(job("thousand", *(f"t{number:03}" for number in range(1000))))
    page = pages.open("jobs", job="thousand", tasks="50")
    assert "981–1,000 of 1,000 tasks" in texts(page)
    client.finish_job("thousand", "cancelled", 1.0)


def test_a_job_that_runs_shows_its_progress(pages: Pages, client: Client) -> None:
    client.record_job(job("live", "a", "b"))
    client.record_rollouts("live", [transcript("live", "a")])
    page = pages.open("jobs", job="live")
    assert "1 / 2 rollouts" in page.get("progress")[0].proto.text
    client.finish_job("live", "finished", 2.0)


def test_what_failed_is_played_again_with_a_click(pages: Pages, client: Client) -> None:
    request = JobRequest(source="broken-tasks", agents=[Variant(name="oracle", agent="oracle")])
    client.save_tasks("broken-tasks", [{"slug": "a", "scenario": "none", "env": {"name": "notes"}}])
    started = client.start_job(request).job.id
    wait_until(lambda: client.job(started).job.status != "running")
    page = pages.open("jobs", job=started)
    page.button(key="rerun").click().run()
    assert not page.error
    wait_until(lambda: client.job(started).job.status != "running")


def test_an_unknown_job_is_one_line(pages: Pages) -> None:
    assert "there is no job `nope`" in texts(pages.open("jobs", job="nope"))
