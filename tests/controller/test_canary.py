"""A secret that an environment says wherever it can is in nothing that the controller keeps or
answers.
"""

from __future__ import annotations

import base64
import shutil
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hud.client import Client
from hud.wire import JobRequest, Variant
from hud.wire.tasksets import TaskUpload
from tests.controller.environments.template import put, settled, until
from tests.controller.records import events, record, transcript
from tests.controller.running import RunningController

CANARY = "canary-7d21f0a9/b+x"
DECLARES = '[tool.hud]\nvariables = ["CANARY_TOKEN"]\n'
LOUD = '''"""Says its secret wherever it can."""
import base64
import os
import sys

from hud import Environment

env = Environment("canary")
value = os.environ["CANARY_TOKEN"]
print("at import", value)


@env.tool()
def tell() -> str:
    """Say it, plain and encoded."""
    print("plain", value, file=sys.stderr)
    return value + " " + base64.b64encode(("> " + value).encode()).decode()


@env.tool()
def crash() -> str:
    """Fail with it."""
    raise RuntimeError(value)


@env.scenario("ask")
async def ask():
    answer = yield f"The word is {value}"
    print("graded", value)
    yield 1.0 if answer == "it" else 0.0


@env.scenario("fall")
async def fall():
    raise RuntimeError(value)
    yield "never"
'''


def task(slug: str, scenario: str, *tools: str) -> dict[str, Any]:
    """A task whose solution uses tools."""
    calls = [{"name": tool, "arguments": {}} for tool in tools]
    solution = [*calls, {"name": "submit", "arguments": {"answer": "it"}}]
    about = {"slug": slug, "env": {"name": "canary"}, "scenario": scenario, "args": {}}
    return {**about, "validation": solution}


@pytest.fixture
def secret(client: Client) -> Iterator[None]:
    """The secret is known to the controller."""
    client.set_secret("CANARY_TOKEN", CANARY)
    yield
    client.remove_secret("CANARY_TOKEN")


@pytest.fixture
def job(controller: RunningController, client: Client, secret: None) -> Iterator[str]:
    """An evaluation that has ended, of tasks which say it, fail with it and answer it."""
    file = put(controller.workspace, "canary", pyproject=DECLARES)
    file.write_text(LOUD)
    settled(client, "canary")
    tasks = [task("asks", "ask", "tell"), task("crashes", "ask", "crash"), task("falls", "fall")]
    client.upload("canary", TaskUpload(tasks=tasks))
    oracle = Variant(name="oracle", agent="oracle")
    begun = client.start_job(JobRequest(source="canary", agents=[oracle])).job.id
    until(lambda: True if client.job(begun).job.status == "finished" else None)
    yield begun
    shutil.rmtree(file.parent)


def forms() -> list[bytes]:
    """The secret, and what is always the same of its base64."""
    encoded = [base64.b64encode(("> " * n + CANARY).encode())[4:-4] for n in range(3)]
    return [CANARY.encode(), *encoded]


def answers(controller: RunningController, client: Client, job: str) -> Iterator[bytes]:
    """Everything that is answered about a job and its environment."""
    for format in ("csv", "jsonl"):
        yield b"".join(client.export_job(job, format))
    headers = {"Authorization": f"Bearer {controller.token}"}
    yield str(events(client)).encode()
    pages = ["jobs", f"jobs/{job}", f"jobs/{job}/results", "rollouts", "secrets", "doctor"]
    pages += ["environments", "environments/canary/log", "tasksets/canary/tasks"]
    pages += [f"jobs/{job}/rollouts/{one.id}/transcript" for one in client.rollouts(job=job).items]
    for page in pages:
        answer = httpx2.get(f"{controller.url}/api/v1/{page}", headers=headers)
        assert answer.status_code == 200, page
        yield answer.content


def kept(folder: Path) -> Iterator[bytes]:
    """Every file of a folder, and what is compressed in it."""
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            yield content
            yield from inflated(content)


def inflated(content: bytes) -> Iterator[bytes]:
    """What looks like zlib's streams in a file."""
    for head in (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"):
        at = content.find(head)
        while at >= 0:
            with suppress(zlib.error):
                yield zlib.decompressobj().decompress(content[at : at + 1_000_000])
            at = content.find(head, at + 1)


@pytest.mark.slow
def test_what_an_evaluation_leaves_holds_no_secret(
    controller: RunningController, client: Client, job: str
) -> None:
    statuses = {one.task: one.status for one in client.rollouts(job=job).items}
    assert statuses == {"asks": "scored", "crashes": "failed", "falls": "failed"}
    found = [*answers(controller, client, job), *kept(controller.folder / "data")]
    found += [controller.log().encode(), *_arguments()]
    assert any(b"The word is [secret]" in text for text in found)
    assert [text[:300] for text in found if any(form in text for form in forms())] == []


def test_what_is_recorded_of_an_evaluation_elsewhere_holds_no_secret(
    client: Client, secret: None
) -> None:
    said = transcript("elsewhere", "word", answer=f"It is {CANARY}", error=CANARY)
    record(client, "elsewhere", said)
    found = client.transcript("elsewhere", said.rollout.id)
    assert (found.rollout.answer, found.rollout.error) == ("It is [secret]", "[secret]")


def _arguments() -> list[bytes]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes())
        except OSError:
            continue
    return found
