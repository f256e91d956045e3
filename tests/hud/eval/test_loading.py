"""Loading tasks from files and tasksets, and saving them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hud import Task
from hud.datasets import load_dataset, load_tasks, save_tasks
from hud.errors import UserError
from hud.task import EnvConfig
from tests.hud.eval.conftest import ENV, Write, letters, one

pytestmark = pytest.mark.usefixtures("clean_imports")

TYPED = """
    from hud import Environment

    env = Environment("typed")

    @env.scenario("play")
    async def play(word: str, times: int = 1, words: list[str] | None = None, near: float = 0.5):
        yield word
        yield 1.0
"""
ITEM = {"env": {"name": "letters"}, "scenario": "count", "args": {"word": "x"}, "slug": "a"}
V4 = {
    "id": "old",
    "prompt": "Go.",
    "mcp_config": {"here": {"url": "http://127.0.0.1:9/mcp"}},
    "evaluate_tool": {"name": "evaluate", "arguments": {}},
}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("data.json", json.dumps([ITEM])),
        ("data.json", json.dumps(ITEM)),
        ("data.jsonl", json.dumps(ITEM) + "\n\n"),
        ("data.csv", "slug,scenario,env,arg:word\na,count,letters,x\n"),
        ("tasks.py", one("a")),
    ],
)
def test_tasks_of_every_kind_of_file_run_in_the_environment_beside_it(
    write: Write, name: str, text: str
) -> None:
    folder = write({"env.py": ENV, name: text})
    (task,) = load_tasks(str(folder / name))
    assert (task.slug, task.scenario, task.args["word"]) == ("a", "count", "x")
    assert task.env.name == "letters"


@pytest.mark.parametrize("scenario", ["count", "elsewhere:count"])
def test_a_task_without_an_environment_has_none_until_one_is_given(
    tmp_path: Path, scenario: str
) -> None:
    path = tmp_path / "data.json"
    path.write_text(json.dumps([{"scenario": scenario, "args": {"word": "x", "letter": "x"}}]))
    (task,) = load_tasks(path)
    assert task.env is None
    task.env = letters()
    assert task.env_name == "letter-counter"


def test_an_environment_that_is_not_here_is_known_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text(json.dumps([ITEM | {"env": {"name": "far"}}]))
    (task,) = load_tasks(path)
    assert task.env == EnvConfig(name="far")


def test_v4_tasks_become_tasks_of_the_built_in_environment(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text(json.dumps([V4]))
    (task,) = load_tasks(path)
    assert (task.slug, task.scenario, task.env.name) == ("old", "legacy", "v4-legacy")


def test_raw_gives_the_data_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text(json.dumps([ITEM | {"extra": 1}]))
    assert load_tasks(path, raw=True) == [ITEM | {"extra": 1}]


CSV = """\
slug,scenario,env,arg:word,arg:times,arg:words,arg:near,col:area,col:level,col:tags,col:code
a,play,typed,123,3,"[""x"",""1""]",1,mail,2,"[""p"",""q""]",007
b,play,typed,"[1]",,,,,,,
"""


def test_cells_of_a_csv_file_are_read_by_the_types_of_the_scenario(write: Write) -> None:
    folder = write({"env.py": TYPED, "data.csv": CSV})
    first, second = load_tasks(str(folder / "data.csv"))
    assert first.args == {"word": "123", "times": 3, "words": ["x", "1"], "near": 1.0}
    assert first.columns == {"area": "mail", "level": 2, "tags": ["p", "q"], "code": "007"}
    assert second.args["word"] == "[1]"
    assert second.columns == {}


@pytest.mark.parametrize("suffix", ["json", "jsonl", "csv"])
def test_what_was_saved_is_loaded_again(write: Write, suffix: str) -> None:
    folder = write({"env.py": TYPED})
    saved = [
        Task(
            env={"name": "typed"},
            scenario="play",
            args={"word": "1,5", "times": 2, "words": ["a", "b"], "near": 0.5},
            slug="a",
            columns={"area": "m\n", "level": 2.5, "tags": ["x"]},
        )
    ]
    path = str(folder / f"data.{suffix}")
    assert save_tasks(path, saved) == path
    (task,) = load_tasks(path)
    assert (task.args, task.columns, task.slug) == (saved[0].args, saved[0].columns, "a")


@pytest.mark.parametrize(
    ("tasks", "reason"),
    [
        ([], "no tasks to save"),
        ([Task(scenario="a", args={}, slug="s"), Task(scenario="b", args={}, slug="s")], "`s`"),
        ([Task(args={})], "task 0 names no scenario"),
    ],
)
def test_tasks_that_could_not_be_loaded_again_are_not_saved(
    tmp_path: Path, tasks: list[Task], reason: str
) -> None:
    with pytest.raises(UserError, match=reason):
        save_tasks(str(tmp_path / "data.json"), tasks)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("none.json", None, "there is no file or folder"),
        ("none.csv", None, "cannot be read"),
        ("data.json", "[1]", "a task is a JSON object"),
        ("data.csv", "slug,scenario\na,\n", "task 1 names no scenario"),
        ("data.csv", "slug,scenario\n", "holds no tasks"),
    ],
)
def test_what_cannot_be_loaded_is_told(
    tmp_path: Path, name: str, text: str | None, reason: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=reason):
        load_tasks(str(tmp_path / name))


def test_the_older_name_of_load_tasks_warns(tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text(json.dumps([ITEM]))
    with pytest.warns(DeprecationWarning, match="use load_tasks"):
        loaded: list[Any] = load_dataset(str(tmp_path / "data.json"), raw=True)
    assert loaded == [ITEM]
