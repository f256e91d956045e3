"""The whole platform in containers, as `docker compose up` makes it."""

from __future__ import annotations

import csv
import io
import shutil
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from hud.client import Client
from hud.containers import Engine
from hud.errors import HudError
from hud.wire import JobRequest, RolloutRecord, Variant
from hud.wire.tasksets import TaskUpload
from tests.controller.environments.template import call, connected, put_template, until
from tests.docker.images import ENVIRONMENTS, SDK, sdk_image
from tests.e2e.stack import Stack, docker, environments_of, running_stack, serving

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.slow]

START_SECONDS = 150.0
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
NOSY = '''"""Looks where it has no business."""
import os
import socket
from pathlib import Path

from hud import Environment

env = Environment("nosy")


@env.tool()
def user() -> int:
    """As whom this runs."""
    return os.getuid()


@env.tool()
def look(path: str) -> str:
    """Read a file or a folder."""
    try:
        found = Path(path)
        return str(sorted(found.iterdir()) if found.is_dir() else found.read_bytes())
    except PermissionError:
        return "refused"


@env.tool()
def connect(path: str) -> str:
    """Connect to a socket."""
    try:
        socket.socket(socket.AF_UNIX).connect(path)
    except PermissionError:
        return "refused"
    return "connected"
'''
SERVED = f"""FROM {SDK}
WORKDIR /app
COPY . .
EXPOSE 8000
CMD ["python", "-c", "from env import env; env.run('http', host='0.0.0.0', port=8000)"]
"""
INTERNAL = '[project]\nname = "served"\nversion = "0"\n[tool.hud]\nnetwork = "internal"\n'
COUNTS = "text.lower().count(letter.lower())"
FIRST_USER = 10002
PRIVATE = (
    *("/data", "/data/token", "/data/key", "/data/hud.db", "/data/jobs"),
    *("/private", "/private/token/token", "/private/home/token", "/private/hud/token"),
    "/proc/1/environ",
)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with three environments: plain Python, PostgreSQL in an image, HTTP in an image."""
    anyio.run(_sdk)
    with running_stack(tmp_path_factory.mktemp("a platform")) as made:
        put_template(made.workspace, "letters")
        with (made.workspace / "letters/env.py").open("a") as file:
            file.write(WAITS)
        shutil.copytree(ENVIRONMENTS / "shop", made.workspace / "shop")
        put_template(made.workspace, "served")
        (made.workspace / "served/Dockerfile").write_text(SERVED)
        (made.workspace / "served/pyproject.toml").write_text(INTERNAL)
        (made.workspace / "nosy").mkdir()
        (made.workspace / "nosy/env.py").write_text(NOSY)
        made.up()
        yield made
    docker("rmi", "--force", "shop", "served")


async def _sdk() -> None:
    async with Engine() as engine:
        await sdk_image(engine)


@pytest.fixture
def client(stack: Stack) -> Iterator[Client]:
    with stack.client() as client:
        yield client


def started(client: Client, name: str) -> None:
    """Wait until an environment serves."""

    def look() -> bool | None:
        record = client.environment(name)
        assert record.state != "failed", record
        return True if record.state == "running" else None

    until(look, START_SECONDS)


def task(env: str, slug: str, scenario: str, answer: str, **args: str) -> dict[str, Any]:
    """A task that the oracle solves by answering."""
    submit = {"name": "submit", "arguments": {"answer": answer}}
    order = [{"name": "order", "arguments": args}] if scenario == "checkout" else []
    about = {"slug": slug, "env": {"name": env}, "scenario": scenario, "args": args}
    return {**about, "validation": [*order, submit]}


TASKS = [
    task("letters", "plain", "count", "3", word="strawberry", letter="r"),
    task("letters", "waits", "wait", "gone"),
    task("shop", "postgres", "checkout", "1", product="laptop"),
    task("served", "http", "count", "4", word="mississippi", letter="s"),
]


def ended(client: Client, job: str) -> dict[str, RolloutRecord]:
    """The rollouts of a job that have ended, by id."""
    page = client.rollouts(job=job, limit=100)
    assert len({one.id for one in page.items}) == page.total
    return {one.id: one for one in page.items}


def test_an_evaluation_and_a_session_outlive_the_controllers_death(
    stack: Stack, client: Client
) -> None:
    for name in ("letters", "served", "shop"):
        started(client, name)
    caller = connected(f"{stack.mcp_url}/letters/mcp")
    assert call(caller, "count_letter", text="Strawberry", letter="r") == "3"
    _save(stack.workspace, COUNTS, "41")
    until(lambda: True if call(caller, "count_letter", text="a", letter="b") == "41" else None)

    client.upload("both", TaskUpload(tasks=TASKS))
    oracle = Variant(name="oracle", agent="oracle")
    job = client.start_job(JobRequest(source="both", agents=[oracle], group_size=2)).job.id
    before = until(lambda: _enough(ended(client, job), 2), START_SECONDS)
    controller = stack.container("controller")
    held, served = environments_of(controller), serving("served", "shop")
    assert len(served) == 2
    assert held >= served
    docker("kill", "--signal", "KILL", controller)
    (stack.workspace / "letters/go").touch()
    stack.up()

    assert until(lambda: _answer(caller), START_SECONDS) == "41"
    until(lambda: True if client.job(job).job.status == "finished" else None, START_SECONDS)
    after = ended(client, job)
    assert {id: after[id] for id in before} == before
    assert {one.id: one.error for one in after.values() if one.status != "scored"} == {}
    assert [one.reward for one in after.values()] == [1.0] * 8
    until(lambda: True if held & environments_of(controller) == served else None, START_SECONDS)
    exported = csv.DictReader(io.StringIO(b"".join(client.export_job(job)).decode()))
    assert {row["slug"] for row in exported} == {task["slug"] for task in TASKS}


def _enough(found: dict[str, RolloutRecord], count: int) -> dict[str, RolloutRecord] | None:
    return found if len(found) >= count else None


def _answer(caller: Any) -> str | None:
    try:
        return call(caller, "count_letter", text="a", letter="b")
    except (HudError, OSError):
        return None


def _save(workspace: Path, old: str, new: str) -> None:
    file = workspace / "letters/env.py"
    file.write_text(file.read_text().replace(old, new))


def test_authors_code_reaches_neither_keys_nor_the_engine(stack: Stack, client: Client) -> None:
    started(client, "nosy")
    caller = connected(f"{stack.mcp_url}/nosy/mcp")
    assert int(call(caller, "user")) >= FIRST_USER
    assert {path: call(caller, "look", path=path) for path in PRIVATE} == dict.fromkeys(
        PRIVATE, "refused"
    )
    assert call(caller, "connect", path="/private/docker.sock") == "refused"
    assert "env.py" in call(caller, "look", path="/workspace/nosy")


def test_what_authors_code_may_not_read_is_said(stack: Stack, client: Client) -> None:
    folder = stack.workspace / "closed"
    shutil.copytree(stack.workspace / "nosy", folder)
    folder.chmod(0o700)
    try:
        reason = until(lambda: client.environment("closed").reason)
        assert "`closed` cannot be read by user 10" in reason
        assert "chmod -R a+rX" in reason
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("service", ["controller", "dashboard"])
def test_a_service_has_as_few_rights_as_it_can(stack: Stack, service: str) -> None:
    found = stack.inspect(service)
    host = found["HostConfig"]
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["Privileged"] is False
    assert host["PidsLimit"] > 0
    assert host["LogConfig"] == {
        "Type": "json-file",
        "Config": {"max-file": "3", "max-size": "10m"},
    }
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    assert found["State"]["Health"]["Status"] == "healthy"
    addresses = {one["HostIp"] for bound in host["PortBindings"].values() for one in bound}
    assert addresses == {"127.0.0.1"}


def test_only_the_controller_is_root_and_has_the_engine(stack: Stack) -> None:
    mounted = {
        service: {mount["Destination"] for mount in stack.inspect(service)["Mounts"]}
        for service in ("controller", "dashboard")
    }
    assert "/private/docker.sock" in mounted["controller"]
    assert mounted["dashboard"] == {"/token"}
    assert stack.inspect("dashboard")["Config"]["User"] == "dashboard"
    assert stack.inspect("dashboard")["HostConfig"]["CapAdd"] is None


def test_the_first_page_is_served(stack: Stack) -> None:
    with urllib.request.urlopen(stack.dashboard_url, timeout=10) as answer:
        assert b"<title>" in answer.read()
