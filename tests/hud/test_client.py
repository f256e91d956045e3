"""The client, against a real controller."""

from __future__ import annotations

import csv
import io
import itertools
import json
import socket
import subprocess
import sys
import threading
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from hud.client import Client, Refused
from hud.errors import ControllerUnavailable, UserError
from hud.wire import RolloutRecord
from hud.wire.platform import EventRecord
from hud.wire.tasksets import Column, TaskUpload
from tests.command import ROOT
from tests.controller.records import AT, job, newest_event, record, transcript
from tests.controller.running import RunningController, free_port

TASKS: list[dict[str, Any]] = [
    {"slug": "one", "scenario": "count", "args": {"word": "a"}, "columns": {"kind": "x"}},
    {"slug": "two", "scenario": "count", "args": {"word": "=b"}, "columns": {"kind": "y"}},
]


def test_importing_it_loads_no_http_library() -> None:
    code = "import sys, hud.client; hud.client.Client(); sys.exit('httpx2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_where_nothing_answers_it_says_how_to_start_it() -> None:
    told = pytest.raises(ControllerUnavailable, match="no controller answers")
    with Client(f"http://127.0.0.1:{free_port()}") as client, told as caught:
        client.jobs()
    assert caught.value.hint == "start it with ./scripts/up.sh"


def test_what_is_no_controller_is_told_from_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno")

        thread = threading.Thread(target=answer)
        thread.start()
        told = pytest.raises(ControllerUnavailable, match="is no controller")
        with Client(f"http://127.0.0.1:{port}") as client, told:
            client.jobs()
        thread.join(10)


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1", "http://[::1"])
def test_what_is_no_url_is_the_user_s_mistake(url: str) -> None:
    with Client(url) as client, pytest.raises(UserError) as caught:
        client.health()
    assert caught.value.hint == "unset HUD_API_URL"


def test_a_wrong_token_is_refused_with_a_hint(controller: RunningController) -> None:
    with Client(controller.url, "wrong") as client, pytest.raises(Refused) as caught:
        client.jobs()
    assert caught.value.status == 401
    assert "hud token" in (caught.value.hint or "")


def test_what_is_not_there_is_refused_with_near_names(client: Client) -> None:
    client.upload("near-taskset", TaskUpload(tasks=TASKS))
    with pytest.raises(Refused, match="there is no taskset `near-tasket`") as caught:
        client.taskset("near-tasket")
    assert caught.value.status == 404
    assert "`near-taskset`" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("filters", "reason"),
    [
        ({"sort": "nonsense"}, "cannot sort by `nonsense`"),
        ({"limit": 100_000}, "limit: Input should be less than or equal to 1000"),
        ({"offset": -1}, "offset: Input should be greater than or equal to 0"),
        ({"columns": {"": "x"}}, "not of the form NAME=VALUE"),
    ],
    ids=["sort", "limit", "offset", "column"],
)
def test_a_filter_that_does_not_fit_is_refused(client: Client, filters: Any, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        client.rollouts(**filters)


def test_a_recorded_job_is_read_back(client: Client) -> None:
    rollouts = [transcript("back", "one"), transcript("back", "two", reward=0.0)]
    record(client, "back", *rollouts)
    view = client.job("back")
    assert (view.job.status, view.totals.ended, view.totals.mean) == ("finished", 2, 0.5)
    assert client.transcript("back", "two.nop.0") == rollouts[1]
    assert [item.id for item in client.rollouts(job="back", min_reward=0.5).items] == ["one.nop.0"]
    assert client.neighbours("back", "one.nop.0").next == "two.nop.0"
    assert client.results("back").tasks == 2
    assert [item.results[0].rewards for item in client.job_tasks("back").items] == [[1.0], [0.0]]


def test_a_rollout_that_is_sent_twice_is_there_once(client: Client) -> None:
    item = transcript("twice", "one")
    record(client, "twice", item)
    client.record_rollouts("twice", [item])
    assert client.rollouts(job="twice").total == 1


def test_more_rollouts_than_fit_a_request_are_sent_in_several(client: Client) -> None:
    record(client, "many", *(transcript("many", "one", index) for index in range(230)), group=230)
    assert client.job("many").totals.ended == 230


def test_ids_with_slashes_are_found(client: Client) -> None:
    item = transcript("slashes", "one")
    item.rollout.id = "one.openai/gpt.0"
    record(client, "slashes", item)
    assert client.rollout("slashes", "one.openai/gpt.0") == item.rollout
    assert client.transcript("slashes", "one.openai/gpt.0") == item


def test_rollouts_of_another_job_are_refused(client: Client) -> None:
    client.record_job(job("mine", "one"))
    with pytest.raises(Refused, match="belongs to another job"):
        client.record_rollouts("mine", [transcript("other", "one")])


def test_the_newest_jobs_come_first(client: Client) -> None:
    for number in range(3):
        made = AT + timedelta(days=number)
        client.record_job(job(f"sorted-{number}", "one", created_at=made, name="sorted"))
    page = client.jobs(search="sorted", limit=2)
    assert [view.job.id for view in page.items] == ["sorted-2", "sorted-1"]
    assert page.total == 3


def test_jobs_are_compared(client: Client) -> None:
    record(client, "first", transcript("first", "one", reward=0.0))
    record(client, "second", transcript("second", "one", reward=1.0))
    assert client.compare(["first", "second"]).changes == {"better": 1, "same": 0, "worse": 0}
    (task,) = client.compared_tasks(["first", "second"], change="better").items
    assert (task.means, task.change) == ([0.0, 1.0], 1.0)


def test_results_are_exported_as_csv_and_as_lines(client: Client) -> None:
    given = {"args": {"word": "=1+1"}, "columns": {"kind": "x"}}
    rollouts = [transcript("export", "one", index, **given) for index in range(2)]
    record(client, "export", *rollouts, group=2)
    text = b"".join(client.export_job("export")).decode()
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["slug"], row["arg:word"], row["reward:nop.1"]) == ("one", "'=1+1", "1.0")
    lines = b"".join(client.export_job("export", "jsonl")).splitlines()
    assert [RolloutRecord.model_validate_json(line) for line in lines] == [
        item.rollout for item in rollouts
    ]


def test_a_taskset_goes_through_a_csv_file_unchanged(client: Client) -> None:
    client.upload("source", TaskUpload(tasks=TASKS))
    text = client.export_tasks("source", "csv")
    client.import_tasks("copy", text)
    assert client.tasks("copy") == client.tasks("source")
    assert {item.change for item in client.import_tasks("copy", text, dry_run=True).tasks} == {
        "unchanged"
    }
    assert json.loads(client.export_tasks("copy", "json")) == client.tasks("copy")


def test_a_bare_list_of_tasks_is_an_upload(controller: RunningController, client: Client) -> None:
    url = f"{controller.url}/api/v1/tasksets/listed/upload"
    headers = {"authorization": f"Bearer {controller.token}"}
    answer = httpx2.post(url, json=TASKS, headers=headers, trust_env=False)
    assert answer.status_code == 200, answer.text
    client.upload("object", TaskUpload(tasks=TASKS))
    assert client.tasks("listed") == client.tasks("object")


def test_a_task_is_edited_and_keeps_its_versions(client: Client) -> None:
    client.upload("edited", TaskUpload(tasks=TASKS))
    client.edit_task("edited", "one", {"args": {"word": "changed"}})
    assert client.task("edited", "one").version == 2
    assert client.task("edited", "one", version=1).args == {"word": "a"}
    assert [item.version for item in client.task_versions("edited", "one")] == [2, 1]
    client.remove_task("edited", "two")
    assert client.task_page("edited").total == 1
    client.set_columns("edited", {"kind": Column(type="multi-select", options=["a"])})
    assert client.taskset("edited").columns["kind"].options == ["a"]
    client.remove_taskset("edited")
    assert "edited" not in [item.name for item in client.tasksets()]


def test_a_secret_goes_in_and_never_comes_out(
    client: Client, controller: RunningController
) -> None:
    client.set_secret("CANARY", "canary-value-8341")
    assert "CANARY" in [item.name for item in client.secrets()]
    database = (controller.folder / "data").glob("hud.db*")
    assert not any(b"canary-value-8341" in path.read_bytes() for path in database)
    assert "canary-value-8341" not in controller.log()
    client.remove_secret("CANARY")
    with pytest.raises(Refused):
        client.remove_secret("CANARY")


def test_events_come_as_they_happen(client: Client) -> None:
    after = newest_event(client)
    heard: list[EventRecord] = []

    def listen() -> None:
        heard.extend(itertools.islice(client.events(after, kinds=["job"]), 2))

    listener = threading.Thread(target=listen)
    listener.start()
    record(client, "heard", transcript("heard", "one"))
    listener.join(20)
    assert [(event.kind, event.subject) for event in heard] == [("job", "heard")] * 2
    assert heard == client.past_events(after, kinds=["job"])


def test_an_environment_that_is_not_there_is_an_error(client: Client) -> None:
    with pytest.raises(Refused, match="there is no environment `org/nothing`"):
        client.resolve("org/nothing")
    assert "nothing" not in [one.name for one in client.environments()]
