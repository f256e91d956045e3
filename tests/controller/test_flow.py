"""The whole of the platform without a container engine: processes of this machine."""

from __future__ import annotations

import csv
import io
import signal
from pathlib import Path
from typing import Any

from hud.client import Client
from hud.wire import JobRequest, RolloutRecord, Variant
from hud.wire.tasksets import TaskUpload
from tests.controller.environments.template import (
    call,
    connected,
    processes_of,
    put,
    put_template,
    settled,
    until,
)
from tests.controller.running import free_port, running_controller

WAITS = '''

@env.scenario("wait")
async def wait():
    """Wait until there is a file."""
    import asyncio
    from pathlib import Path

    while not Path(__file__).with_name("go").exists():
        await asyncio.sleep(0.05)
    yield "go"
    yield 1.0
'''
COUNTS = "text.lower().count(letter.lower())"
GROUP = 3


def task(env: str, slug: str, scenario: str, answer: str, **args: str) -> dict[str, Any]:
    """A task that the oracle solves by answering."""
    submit = {"name": "submit", "arguments": {"answer": answer}}
    about = {"slug": slug, "env": {"name": env}, "scenario": scenario, "args": args}
    return {**about, "validation": [submit]}


TASKS = [
    task("letters", "counts", "count", "3", word="strawberry", letter="r"),
    task("school", "spells", "spell", "cat", word="cat"),
    task("letters", "waits", "wait", "gone"),
]


def ended(client: Client, job: str) -> dict[str, RolloutRecord]:
    """The rollouts of a job that have ended, by id; each is there once."""
    page = client.rollouts(job=job, limit=100)
    found = {one.id: one for one in page.items}
    assert len(found) == page.total
    return found


def start(client: Client) -> str:
    """Start an evaluation of two environments; returns the job once some rollouts have ended and
    others wait.
    """
    client.upload("both", TaskUpload(tasks=TASKS))
    oracle = Variant(name="oracle", agent="oracle")
    job = client.start_job(JobRequest(source="both", agents=[oracle], group_size=GROUP)).job.id
    until(lambda: True if len(ended(client, job)) == 2 * GROUP else None)
    return job


def test_an_evaluation_and_a_session_outlive_the_controllers_death(tmp_path: Path) -> None:
    ports = {"HUD_API_PORT": str(free_port()), "HUD_MCP_PORT": str(free_port())}
    file = put_template(tmp_path / "workspace", "letters")
    put(tmp_path / "workspace", "school")
    with running_controller(tmp_path, **ports) as first, first.client() as client:
        settled(client, "letters")
        client.choose_environment("letters")
        caller = connected(f"{first.mcp_url}/mcp")
        assert call(caller, "count_letter", text="Strawberry", letter="r") == "3"
        file.write_text(file.read_text().replace(COUNTS, "41") + WAITS)
        until(lambda: True if call(caller, "count_letter", text="a", letter="b") == "41" else None)
        job = start(client)
        before = ended(client, job)
        first.process.send_signal(signal.SIGKILL)
        first.process.wait(10)
    until(lambda: None if processes_of(tmp_path) else True)
    (file.parent / "go").touch()
    with running_controller(tmp_path, **ports) as second, second.client() as client:
        answer = until(lambda: call(caller, "count_letter", text="a", letter="b"))
        assert answer == "41"
        until(lambda: True if client.job(job).job.status == "finished" else None)
        after = ended(client, job)
        exported = b"".join(client.export_job(job)).decode()
    assert {id: after[id] for id in before} == before
    assert [(one.status, one.reward) for one in after.values()] == [("scored", 1.0)] * 3 * GROUP
    assert [row["slug"] for row in csv.DictReader(io.StringIO(exported))] == [
        "counts",
        "spells",
        "waits",
    ]
    assert processes_of(tmp_path) == []
