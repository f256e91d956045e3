"""Tasksets: the list, the grid with its filters, one task, uploads, and running one."""

from __future__ import annotations

import json

import pytest

from dashboard.components.run_form import choices
from hud.client import Client
from hud.wire.models import AgentOffer
from tests.controller.running import RunningController
from tests.dashboard.pages import Pages, texts, wait_until
from tests.dashboard.seeding import EMPTY, TASKSET
from tests.dashboard.tables import click, place, table

pytestmark = pytest.mark.usefixtures("letters")


@pytest.fixture(scope="module", autouse=True)
def _nothing(controller: RunningController) -> None:
    with controller.client() as client:
        client.save_tasks(EMPTY, [])


def test_the_list_opens_a_taskset(pages: Pages) -> None:
    page = pages.open("tasksets")
    rows = table(page, "tasksets").set_index("name")
    assert (rows.loc[EMPTY, "tasks"], rows.loc[TASKSET, "tasks"]) == (0, 12)
    opened = click(page, "tasksets", rows.index.get_loc(TASKSET))
    assert place(opened) == {"taskset": TASKSET}


def test_the_grid_has_arguments_columns_and_results(pages: Pages) -> None:
    row = table(pages.open("tasksets", taskset=TASKSET), "tasks").set_index("slug").loc["banana-n"]
    assert row["args"] == 'letter="n", word="banana"'
    assert (row["column:category"], row["column:difficulty"]) == ("short-words", 1)
    assert list(row["column:tags"]) == ["letters", "short"]
    assert 0 < row["mean"] < 1
    assert sum(row["rewards"]) == row["runs"] > 10


@pytest.mark.parametrize(
    ("column", "value", "count"),
    [("category", "long-words", 3), ("tags", "spread", 3)],
    ids=["text", "multi-select"],
)
def test_columns_filter_by_their_type(pages: Pages, column: str, value: str, count: int) -> None:
    page = pages.open("tasksets", taskset=TASKSET)
    page.selectbox(key=f"column-{column}").select(value).run()
    assert len(table(page, "tasks")) == count


def test_numbers_are_filtered_by_a_range(pages: Pages) -> None:
    page = pages.open("tasksets", taskset=TASKSET)
    page.number_input(key="column-difficulty-from").set_value(4.0).run()
    assert sorted(table(page, "tasks")["column:difficulty"]) == [4, 5, 5]
    page.number_input(key="column-difficulty-to").set_value(4.5).run()
    assert list(table(page, "tasks")["slug"]) == ["antidisestablishmentarianism-i"]


def test_filters_by_column_are_in_the_address(pages: Pages) -> None:
    where = {"taskset": TASKSET, "column-tags": "long", "column-difficulty-to": "4"}
    page = pages.open("tasksets", **where)
    assert list(table(page, "tasks")["slug"]) == ["antidisestablishmentarianism-i"]
    assert "difficulty to 4" in texts(page)


def test_search_and_order_are_in_the_address(pages: Pages) -> None:
    page = pages.open("tasksets", taskset=TASKSET, search="b", sort="Highest mean")
    means = list(table(page, "tasks")["mean"])
    assert means == sorted(means, reverse=True)
    assert len(means) == 5


def test_an_empty_taskset_says_how_to_fill_it(pages: Pages) -> None:
    assert f"hud sync tasks {EMPTY} tasks.py" in texts(pages.open("tasksets", taskset=EMPTY))


def test_a_row_opens_the_task(pages: Pages) -> None:
    page = pages.open("tasksets", taskset=TASKSET)
    opened = click(page, "tasks", 0)
    assert place(opened) == {"taskset": TASKSET, "task": "strawberry-r"}
    said = texts(opened)
    assert 'count(letter="r", word="Strawberry")' in said
    assert 'submit(answer="3")' in said


def test_versions_are_shown_as_their_difference(pages: Pages) -> None:
    said = texts(pages.open("tasksets", taskset=TASKSET, task="strawberry-r", part="Versions"))
    assert '-    "word": "strawberry"' in said
    assert '+    "word": "Strawberry"' in said


def test_a_tasks_traces_open(pages: Pages) -> None:
    page = pages.open("tasksets", taskset=TASKSET, task="queue-u", part="Traces")
    assert set(table(page, "rollouts")["task"]) == {"queue-u"}
    assert place(click(page, "rollouts", 0))["rollout"].startswith("queue-u.")


def test_an_edit_makes_a_version_and_leaves_the_rest(pages: Pages, client: Client) -> None:
    page = pages.open("tasksets", taskset=TASKSET, task="queue-u", part="Edit")
    fields = json.loads(page.text_area(key="edited").value or "")
    fields["columns"]["difficulty"] = 4
    del fields["validation"]
    page.text_area(key="edited").set_value(json.dumps(fields))
    page.button[-2].click().run()
    task = client.task(TASKSET, "queue-u")
    assert (task.version, task.columns["difficulty"], task.validation) == (2, 4, None)
    assert task.env == "letter-counter"


def test_an_edit_that_is_no_json_is_refused(pages: Pages, client: Client) -> None:
    page = pages.open("tasksets", taskset=TASKSET, task="rhythm-a", part="Edit")
    page.text_area(key="edited").set_value("{")
    page.button[-2].click().run()
    assert "this is no JSON" in page.error[0].value
    assert client.task(TASKSET, "rhythm-a").version == 1


def test_an_upload_is_planned_before_it_is_applied(pages: Pages, client: Client) -> None:
    tasks = [{"slug": slug, "scenario": "count", "args": {"word": slug}} for slug in ("a", "b")]
    client.save_tasks("uploaded", tasks[:1])
    page = pages.open("tasksets", taskset="uploaded", upload="more")
    file = ("tasks.json", json.dumps([*tasks, tasks[0] | {"slug": "c"}]).encode())
    page.file_uploader(key="upload-file").upload(*file).run()
    plan = table(page, "change").set_index("slug")
    assert dict(plan["change"]) == {"b": "new", "c": "new", "a": "stays"}
    assert client.taskset("uploaded").tasks == 1
    page.button(key="apply").click().run()
    assert client.taskset("uploaded").tasks == 3
    assert place(page) == {"taskset": "uploaded"}


def test_a_csv_file_makes_a_new_taskset(pages: Pages, client: Client) -> None:
    page = pages.open("tasksets", upload="new")
    page.text_input(key="upload-name").set_value("from-csv")
    text = b"slug,scenario,env,arg:word,col:kind\na,count,letter-counter,banana,short\n"
    page.file_uploader(key="upload-file").upload("tasks.csv", text).run()
    page.button(key="apply").click().run()
    assert client.task("from-csv", "a").columns == {"kind": "short"}


def test_a_file_that_is_no_list_of_tasks_is_refused(pages: Pages) -> None:
    page = pages.open("tasksets", taskset=TASKSET, upload="more")
    page.file_uploader(key="upload-file").upload("tasks.json", b"[1]").run()
    assert "the file holds no list of tasks" in page.error[0].value


def test_the_forecast_counts_rollouts(pages: Pages) -> None:
    page = pages.open("tasksets", run=TASKSET)
    assert page.metric[0].value == "12"
    page.multiselect(key="agents").set_value(["oracle", "nop"])
    page.number_input(key="group").set_value(3).run()
    assert page.metric[0].value == "72"
    assert "12 tasks × 2 agents × 3 runs, at most 30 at once" in texts(page)


def test_agents_that_have_what_they_need_are_offered(pages: Pages) -> None:
    page = pages.open("tasksets", run=TASKSET)
    offered = [text.partition(" ")[0] for text in page.multiselect(key="agents").options]
    assert offered == ["oracle", "nop"]
    assert "No key for more: ANTHROPIC_API_KEY" in texts(page)


def test_models_are_chosen_with_their_agent() -> None:
    ready = {"description": "", "is_ready": True}
    offers = [
        AgentOffer(name="oracle", **ready),
        AgentOffer(name="claude", models=["claude-x", "claude-y"], **ready),
        AgentOffer(name="openai_compatible", needs_model=True, models=["qwen/qwen3"], **ready),
        AgentOffer(name="gemini", description="", is_ready=False, models=["gemini-3"]),
    ]
    assert choices(offers) == [
        "oracle", "claude", "claude:claude-x", "claude:claude-y", "openai_compatible:qwen/qwen3"
    ]  # fmt: skip


def test_a_taskset_is_played_in_another_environment(pages: Pages, client: Client) -> None:
    task = {"slug": "a", "scenario": "count", "env": "gone", "args": {"word": "x", "letter": "y"}}
    client.save_tasks("moved", [task])
    page = pages.open("tasksets", run="moved")
    assert "not in the workspace" in texts(page)
    page.selectbox(key="environment").select("letter-counter")
    page.multiselect(key="agents").set_value(["nop"]).run()
    assert "not in the workspace" not in texts(page)
    page.button(key="start").click().run()
    started = place(page)["job"]
    wait_until(lambda: client.job(started).job.status == "finished")
    assert (client.job(started).totals.scored, client.job(started).totals.failed) == (1, 0)


def test_a_taskset_is_run_from_the_form_until_it_finishes(pages: Pages, client: Client) -> None:
    page = pages.open("tasksets", run=TASKSET)
    page.segmented_control(key="which").set_value("Some").run()
    page.multiselect(key="slugs").set_value(["banana-n", "abracadabra-a"])
    page.text_input(key="job-name").set_value("from the form")
    page.button(key="start").click().run()
    started = place(page)["job"]
    wait_until(lambda: _cards(pages, started)["Passed"] == "2 of 2")
    assert client.job(started).job.name == "from the form"


def _cards(pages: Pages, job: str) -> dict[str, str]:
    return {item.label: item.value for item in pages.open("jobs", job=job).metric}


def test_an_environments_own_tasks_are_run(pages: Pages, client: Client) -> None:
    page = pages.open("tasksets", run="letter-counter")
    page.button(key="start").click().run()
    started = place(page)["job"]
    wait_until(lambda: client.job(started).job.status == "finished")
    assert client.job(started).totals.mean == 1.0


def test_an_agent_that_nobody_knows_is_refused_in_one_line(pages: Pages) -> None:
    page = pages.open("tasksets", run=TASKSET)
    page.multiselect(key="agents").set_value(["no-such-agent"])
    page.button(key="start").click().run()
    assert "no agent" in page.error[0].value
