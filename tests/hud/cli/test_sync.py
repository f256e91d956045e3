"""`hud sync` against a real controller."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from hud.client import Client
from tests.command import Command
from tests.controller.running import RunningController, free_port

ONE: dict[str, Any] = {"slug": "one", "scenario": "count", "args": {"word": "a"}}
TWO: dict[str, Any] = {"slug": "two", "scenario": "count", "columns": {"kind": "x", "level": 1}}
THREE: dict[str, Any] = {"slug": "three", "scenario": "count", "args": {"word": "c"}}


@pytest.fixture
def hud(controller: RunningController, tmp_path: Path) -> Command:
    """The command in an empty folder, in this process."""
    return controller.inside(tmp_path)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A taskset of the test's own."""
    return str(request.node.name).replace("_", "-")[:60]


def write(hud: Command, *tasks: dict[str, Any]) -> None:
    (hud.cwd / "tasks.json").write_text(json.dumps(tasks))


def stored(client: Client, name: str) -> dict[str, Any]:
    return {task["slug"]: task for task in client.tasks(name)}


def test_tasks_are_planned_and_uploaded(hud: Command, client: Client, name: str) -> None:
    write(hud, ONE, TWO)
    done = hud("sync", "tasks", name, "tasks.json", "--yes")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["+ one", "+ two", f"{name} (new): 2 create"]
    assert stored(client, name).keys() == {"one", "two"}
    assert {key: column.type for key, column in client.taskset(name).columns.items()} == {
        "kind": "text",
        "level": "number",
    }


def test_a_python_file_is_synced(
    controller: RunningController, tmp_path: Path, client: Client, name: str
) -> None:
    hud = controller.hud(tmp_path)
    (hud.cwd / "tasks.py").write_text(
        "from hud import Task\nfirst = Task(scenario='count', slug='from-python', args={})\n"
    )
    assert hud("sync", "tasks", name, "--yes").returncode == 0
    assert stored(client, name).keys() == {"from-python"}


def test_the_plan_tells_what_changes_and_deletes_nothing(
    hud: Command, client: Client, name: str
) -> None:
    write(hud, ONE, TWO)
    hud("sync", "tasks", name, "tasks.json", "--yes")
    write(hud, {**ONE, "args": {"word": "b"}}, THREE)
    done = hud("sync", "tasks", name, "tasks.json", "--yes")
    assert done.stdout.splitlines() == [
        "~ one  args",
        "+ three",
        "? two  only at the controller; it stays",
        f"{name}: 1 create, 1 update, 1 remote-only",
    ]
    assert stored(client, name).keys() == {"one", "two", "three"}
    assert client.task(name, "one").version == 2


def test_what_is_unchanged_asks_and_uploads_nothing(
    hud: Command, client: Client, name: str
) -> None:
    write(hud, ONE)
    hud("sync", "tasks", name, "tasks.json", "--yes")
    done = hud("sync", "tasks", name, "tasks.json")
    assert (done.returncode, done.stdout) == (0, f"{name}: 1 unchanged\n")
    assert client.task(name, "one").version == 1
    hud("sync", "tasks", name, "tasks.json", "--force", "--yes")
    assert client.task(name, "one").version == 2


def test_columns_that_are_gone_are_cleared(hud: Command, client: Client, name: str) -> None:
    write(hud, TWO)
    hud("sync", "tasks", name, "tasks.json", "--yes")
    write(hud, {**TWO, "columns": {}})
    done = hud("sync", "tasks", name, "tasks.json", "--yes")
    assert done.stdout.splitlines()[0] == "~ two  columns"
    assert client.task(name, "two").columns == {}


def test_a_dry_run_changes_nothing(hud: Command, client: Client, name: str) -> None:
    write(hud, ONE)
    done = hud("sync", "tasks", name, "tasks.json", "--dry-run")
    assert (done.returncode, done.stdout) == (0, f"+ one\n{name} (new): 1 create\n")
    assert name not in [taskset.name for taskset in client.tasksets()]
    assert not (hud.cwd / ".hud/config.json").exists()


def test_where_nobody_can_be_asked_nothing_is_uploaded(
    hud: Command, client: Client, name: str
) -> None:
    write(hud, ONE)
    done = hud("sync", "tasks", name, "tasks.json")
    assert done.returncode == 2
    assert "hint: --yes agrees" in done.stderr
    assert name not in [taskset.name for taskset in client.tasksets()]


def test_the_name_is_remembered(hud: Command, client: Client, name: str) -> None:
    write(hud, ONE)
    hud("sync", "tasks", name, "tasks.json", "--yes")
    assert json.loads((hud.cwd / ".hud/config.json").read_text()) == {"taskset": name}
    write(hud, ONE, TWO)
    assert hud("sync", "--yes").returncode == 0
    assert stored(client, name).keys() == {"one", "two"}


def test_without_a_name_and_a_memory_it_asks_for_one(hud: Command) -> None:
    write(hud, ONE)
    done = hud("sync")
    assert done.returncode == 2
    assert "hint: hud sync tasks NAME" in done.stderr


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--task", "one"], {"one"}),
        (["--task", "one", "--task", "two"], {"one", "two"}),
        (["--exclude", "one"], {"two", "three"}),
        (["--exclude", "one", "--exclude", "two"], {"three"}),
    ],
    ids=["one", "two", "all but one", "all but two"],
)
def test_some_tasks_are_synced(
    hud: Command, client: Client, request: pytest.FixtureRequest,
    options: list[str], expected: set[str],
) -> None:  # fmt: skip
    name = f"some-{request.node.callspec.id}".replace(" ", "-")
    write(hud, ONE, TWO, THREE)
    assert hud("sync", "tasks", name, "tasks.json", "--yes", *options).returncode == 0
    assert stored(client, name).keys() == expected


def test_a_task_that_is_left_out_is_not_told_as_remote_only(hud: Command, name: str) -> None:
    write(hud, ONE, TWO)
    hud("sync", "tasks", name, "tasks.json", "--yes")
    done = hud("sync", "tasks", name, "tasks.json", "--exclude", "one")
    assert done.stdout == f"{name}: 1 unchanged\n"


def test_an_unknown_slug_is_an_error_with_near_ones(hud: Command, name: str) -> None:
    write(hud, ONE)
    done = hud("sync", "tasks", name, "tasks.json", "--task", "onne")
    assert done.returncode == 2
    assert "there is no task `onne`" in done.stderr
    assert "did you mean `one`?" in done.stderr


def test_a_renamed_task_is_told(hud: Command, name: str) -> None:
    write(hud, ONE)
    hud("sync", "tasks", name, "tasks.json", "--yes")
    write(hud, {**ONE, "slug": "uno"})
    done = hud("sync", "tasks", name, "tasks.json", "--yes")
    assert done.stdout.splitlines()[:2] == ["+ uno", "? one  only at the controller; it stays"]
    assert "`uno` is `one` under another slug" in done.stderr


@pytest.mark.parametrize(
    ("tasks", "reason"),
    [
        ([{"scenario": "count"}], "task 1 has no slug"),
        ([{"slug": "a"}], "task `a` has no scenario"),
        ([ONE, ONE], "two tasks have the slug `one`"),
    ],
    ids=["no slug", "no scenario", "twice"],
)
def test_tasks_that_cannot_be_kept_are_refused(
    hud: Command, tasks: list[dict[str, Any]], reason: str
) -> None:
    write(hud, *tasks)
    done = hud("sync", "tasks", "refused", "tasks.json", "--yes")
    assert done.returncode == 2
    assert reason in done.stderr


def test_tasks_are_exported(hud: Command, client: Client, name: str) -> None:
    write(hud, {**ONE, "args": {"word": "=1+1"}}, TWO)
    hud("sync", "tasks", name, "tasks.json", "--yes")
    assert hud("sync", "tasks", name, "--export", "out.json").returncode == 0
    assert hud("sync", "tasks", name, "--export", "out.csv").returncode == 0
    assert json.loads((hud.cwd / "out.json").read_text()) == client.tasks(name)
    with (hud.cwd / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["arg:word"] for row in rows] == ["'=1+1", ""]
    done = hud("sync", "tasks", name, "out.csv")
    assert done.stdout == f"{name}: 2 unchanged\n"


def test_a_table_leaves_what_it_has_no_room_for(hud: Command, client: Client, name: str) -> None:
    proof = [{"name": "submit", "arguments": {"answer": "3"}}]
    env = {"name": "letters", "include": ["count_letter"]}
    write(hud, {**TWO, "env": env, "validation": proof, "metadata": {"by": "me"}})
    hud("sync", "tasks", name, "tasks.json", "--yes")
    hud("sync", "tasks", name, "--export", "out.csv")
    text = (hud.cwd / "out.csv").read_text()
    (hud.cwd / "out.csv").write_text(text.replace(",x,1", ",y,"))
    done = hud("sync", "tasks", name, "out.csv", "--yes")
    assert done.stdout.splitlines()[0] == "~ two  columns"
    kept = stored(client, name)["two"]
    assert (kept["columns"], kept["metadata"], kept["env"]) == ({"kind": "y"}, {"by": "me"}, env)
    assert [call["arguments"] for call in kept["validation"]] == [{"answer": "3"}]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["tasks", "no-such", "--export", "x.csv"], "there is no taskset `no-such`"),
        (["tasks", "any", "--export", "x.txt"], "neither a .json nor a .csv"),
        (["tasks", "any", "no-such.py"], "there is no file or folder `no-such.py`"),
        (["tasks", "a/b", "tasks.json", "--yes"], "a taskset's name holds no `/`"),
        (["env", "no-such"], "there is no environment `local/no-such`"),
    ],
    ids=["taskset", "file type", "source", "name", "environment"],
)
def test_what_is_not_there_is_an_error(hud: Command, arguments: list[str], reason: str) -> None:
    write(hud, ONE)
    done = hud("sync", *arguments)
    assert done.returncode == 2
    assert reason in done.stderr


def test_without_a_controller_it_says_how_to_start_one(hud: Command) -> None:
    write(hud, ONE)
    nowhere = hud.having(HUD_API_URL=f"http://127.0.0.1:{free_port()}")
    done = nowhere("sync", "tasks", "any", "tasks.json", "--yes")
    assert done.returncode == 1
    assert "hint: start it with ./scripts/up.sh" in done.stderr
