"""Which tasks a source holds, in which order, and what is said of a source that holds none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hud.errors import UserError
from hud.eval.loading import load_tasks
from hud.eval.taskset import collect_runnable, select
from hud.task import Task
from hud.tasksets import to_csv
from tests.command import ROOT
from tests.hud.eval.conftest import ENV, Write, keys, one

pytestmark = pytest.mark.usefixtures("clean_imports")

TASKS = """
    from env import count

    strawberry = count.task(word="strawberry")
    strawberry.slug = "strawberry-r"
    apple = count.task(word="apple")
    apple.slug = "apple-r"
    banana = count.task(word="banana")
    banana.slug = "banana-r"
"""


def refusal(source: Path | str) -> UserError:
    with pytest.raises(UserError) as caught:
        collect_runnable(str(source))
    return caught.value


def test_tasks_come_in_the_order_of_their_definition(write: Write) -> None:
    folder = write({"env.py": ENV, "tasks.py": TASKS})
    assert keys(folder / "tasks.py") == ["strawberry-r", "apple-r", "banana-r"]
    assert keys(folder / "tasks.py", only_first=True) == ["strawberry-r"]


def test_a_second_name_of_a_task_is_no_second_task(write: Write) -> None:
    folder = write(
        {"env.py": ENV, "tasks.py": TASKS + "    alias = strawberry\n    _hidden = apple.copy()\n"}
    )
    assert keys(folder / "tasks.py") == ["strawberry-r", "apple-r", "banana-r"]


@pytest.mark.parametrize(
    "listed",
    [
        "[banana, apple]",
        "(banana, apple)",
        "{'b': banana, 'a': apple}",
        "(t for t in [banana, apple])",
    ],
)
def test_the_attribute_tasks_says_which_and_in_which_order(write: Write, listed: str) -> None:
    folder = write({"env.py": ENV, "tasks.py": TASKS + f"    tasks = {listed}\n"})
    assert keys(folder / "tasks.py") == ["banana-r", "apple-r"]


def test_a_task_without_a_slug_has_a_stable_name(write: Write) -> None:
    folder = write(
        {
            "env.py": ENV,
            "tasks.py": "from env import *\na, b = count.task(word='a'), count.task(word='b')\n",
        }
    )
    first, second = keys(folder / "tasks.py")
    assert first == "count-0f3d7531"
    assert second.startswith("count-")
    assert second != first


GROUPS = [
    ({"tasks.py": one("own"), "other.py": one("other"), "deep/task.py": one("deep")}, ["own"]),
    ({"task.py": one("own"), "other.py": one("other")}, ["own"]),
    ({"tasks.py": one("own"), "tasks/b.py": one("b"), "tasks/a.py": one("a")}, ["own", "a", "b"]),
    (
        {
            "tasks/b.py": one("b"),
            "tasks/a.jsonl": '{"scenario": "letters:count", "args": {"word": "j"}, "slug": "j"}',
        },
        ["j", "b"],
    ),
    (
        {"one/task.py": one("one"), "two/deep/task.py": one("two", "y"), "other.py": one("other")},
        ["one", "two"],
    ),
    (
        {
            ".hidden/task.py": one("hidden"),
            "_private/task.py": one("private"),
            "other.py": one("other"),
        },
        ["other"],
    ),
    (
        {"b.py": one("b"), "a.py": one("a"), "conftest.py": one("never"), "_x.py": one("never")},
        ["a", "b"],
    ),
    ({"tasks.py": "x = 1\n", "other.py": one("other")}, ["other"]),
    ({"tasks/one.py": one("one"), "tasks/sub/task.py": one("sub")}, ["one", "sub"]),
    ({"tasks/task.py": one("task"), "tasks/a/task.py": one("a")}, ["task", "a"]),
]


@pytest.mark.parametrize(("files", "expected"), GROUPS, ids=lambda value: " ".join(value))
def test_the_first_group_of_a_folder_that_holds_tasks_counts(
    write: Write, files: dict[str, str], expected: list[str]
) -> None:
    assert keys(write({"env.py": ENV, **files})) == expected


def test_the_tasks_folder_itself_counts_every_file(write: Write) -> None:
    folder = write(
        {"env.py": ENV, "tasks/spelling.py": one("spell"), "tasks/counting.py": one("count-it")}
    )
    assert keys(folder / "tasks") == ["count-it", "spell"]


def test_the_tasks_folder_itself_counts_what_lies_below(write: Write) -> None:
    folder = write({"env.py": ENV, "tasks/one.py": one("one"), "tasks/sub/task.py": one("sub")})
    assert keys(folder / "tasks") == ["one", "sub"]


@pytest.mark.parametrize("source", [".", "tasks"])
def test_a_package_of_tasks_says_itself_which_they_are(write: Write, source: str) -> None:
    listed = "from .easy import apple\nfrom env import count\n"
    own = f"{listed}tasks = [count.task(word='x'), apple]\ntasks[0].slug = 'built'\n"
    easy = one("easy") + "\nfrom env import count\napple = count.task(word='a')\napple.slug='a'\n"
    folder = write({"env.py": ENV, "tasks/__init__.py": own, "tasks/easy.py": easy})
    assert keys(folder / source) == ["built", "a"]


@pytest.mark.parametrize("source", [".", "tasks"])
def test_a_package_of_tasks_can_look_for_its_own_parts(write: Write, source: str) -> None:
    own = "import importlib, pkgutil\ntasks = {}\nfor part in pkgutil.iter_modules(__path__):\n"
    own += "    module = importlib.import_module(f'{__name__}.{part.name}.task')\n"
    own += "    tasks[part.name] = module.found\n"
    part = "from env import count\nfound = count.task(word='w')\nfound.slug = '{}'\n"
    parts = {f"tasks/{name}/task.py": part.format(name) for name in ("hard", "easy")}
    inits = {f"tasks/{name}/__init__.py": "" for name in ("hard", "easy")}
    folder = write({"env.py": ENV, "tasks/__init__.py": own, **parts, **inits})
    assert keys(folder / source) == ["easy", "hard"]


def test_a_file_in_a_folder_below_finds_the_environment_above(write: Write) -> None:
    folder = write({"env.py": ENV, "tasks/spelling.py": one("spell")})
    assert keys(folder / "tasks/spelling.py") == ["spell"]


JSON_TASK = {"env": {"name": "letters"}, "scenario": "count", "args": {"word": "x"}, "slug": "x-r"}
OTHER_TASK = {"scenario": "letters:count", "args": {"word": "y"}, "slug": "y-r"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tasks.json", json.dumps([JSON_TASK, OTHER_TASK])),
        ("tasks.jsonl", f"{json.dumps(JSON_TASK)}\n\n{json.dumps(OTHER_TASK)}\n"),
        ("tasks.jsonl", json.dumps([JSON_TASK, OTHER_TASK])),
        (
            "tasks.jsonl",
            "\ufeff" + json.dumps(JSON_TASK) + "\r\n" + json.dumps([OTHER_TASK]) + "\r\n",
        ),
    ],
)
def test_json_tasks_run_in_the_local_environment_of_their_name(
    write: Write, name: str, text: str
) -> None:
    folder = write({"env.py": ENV, name: text})
    found = collect_runnable(str(folder / name))
    assert [task.slug for task in found] == ["x-r", "y-r"]
    assert {task.env.name for task in found} == {"letters"}


def test_one_json_object_is_one_task(write: Write) -> None:
    assert keys(write({"env.py": ENV, "one.json": json.dumps(JSON_TASK)}) / "one.json") == ["x-r"]


BAD_JSON = [
    ("{", "`tasks.json` is not JSON"),
    ("", "`tasks.json` is not JSON"),
    ("3", "a task is a JSON object, not int"),
    ('[{"scenario": "count"}, 7]', "tasks.json, item 1: a task is a JSON object, not int"),
    ("{}", "tasks.json: the task names no scenario"),
    ('{"scenario": "count", "args": {"word": "x"}, "slug": "Not Kebab"}', "tasks.json: slug: "),
    ('{"env": "letters", "scenario": "cout", "args": {}}', "cout"),
    ('{"env": "letters", "scenario": "count", "args": {"wrd": "x"}}', "wrd"),
    ('{"env": "letters", "scenario": "count", "args": [1]}', "tasks.json: args: "),
    (
        '{"env": "digits", "scenario": "count", "args": {}}',
        "needs the environment `digits`, which is not here",
    ),
    ('{"scenario": "count", "args": {}}', "names no environment"),
    ("[" * 100_000, "`tasks.json` is not JSON"),
]


@pytest.mark.parametrize(("text", "complaint"), BAD_JSON, ids=lambda value: value[:40])
def test_a_json_task_that_cannot_run_is_refused_with_its_place(
    write: Write, text: str, complaint: str
) -> None:
    error = refusal(write({"env.py": ENV, "tasks.json": text}) / "tasks.json")
    assert complaint in error.message
    assert "\n" not in error.message


def test_a_bad_line_of_json_lines_is_named_by_its_number(write: Write) -> None:
    folder = write({"env.py": ENV, "tasks.jsonl": json.dumps(JSON_TASK) + "\n{oops}\n"})
    assert "tasks.jsonl:2" in refusal(folder / "tasks.jsonl").message


BROKEN = [
    ("raise ValueError('no words')", "ValueError: no words"),
    ("import nosuchmodule", "No module named 'nosuchmodule'"),
    ("from env import cout", "cannot import name 'cout'"),
    ("def f(:", "SyntaxError"),
    ("raise SystemExit(3)", "SystemExit: 3"),
    ("from env import count\na = count.task(wrd='x')", "wrd"),
    ("from env import count\na = count.task(word='x').copy(slug='A B')", "kebab"),
]


@pytest.mark.parametrize(("text", "complaint"), BROKEN)
def test_a_broken_file_is_named_with_the_authors_traceback_and_none_of_ours(
    write: Write, text: str, complaint: str
) -> None:
    error = refusal(write({"env.py": ENV, "tasks.py": text + "\n"}) / "tasks.py")
    assert "`tasks.py`" in error.message
    assert complaint in error.message
    assert f"{ROOT}/hud/" not in (error.detail or "")
    assert "tasks.py" in (error.detail or "")


def test_a_broken_file_among_others_stops_the_discovery(write: Write) -> None:
    folder = write(
        {"env.py": ENV, "tasks/a.py": one("a"), "tasks/spelling.py": "raise ValueError\n"}
    )
    assert "`spelling.py`" in refusal(folder / "tasks").message


ODD_FILES = [
    ("tasks.py", b"", "holds no tasks"),
    ("tasks.py", b"\x00\x01\x02" * 100, "cannot be imported"),
    ("tasks.py", b"word = '\xff\xfe'\n", "cannot be imported"),
    ("tasks.json", b'{"scenario": "\xff"}', "cannot be read"),
    ("tasks.yaml", b"tasks: []\n", "is no task file"),
    ("tasks", b"", "is no task file"),
]


@pytest.mark.parametrize(("name", "content", "complaint"), ODD_FILES)
def test_a_file_without_tasks_says_so(
    tmp_path: Path, name: str, content: bytes, complaint: str
) -> None:
    (tmp_path / name).write_bytes(content)
    error = refusal(tmp_path / name)
    assert complaint in error.message
    assert name in error.message


def test_an_empty_folder_holds_no_tasks(tmp_path: Path) -> None:
    assert "holds no tasks" in refusal(tmp_path).message


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("taks.py", "did you mean `tasks.py`?"),
        ("nosuchfolder/tasks.py", None),
        ("x" * 5000, None),
        ("tasks.py/x", None),
    ],
)
def test_a_source_that_is_not_there_is_named_with_the_near_ones(
    write: Write, asked: str, hint: str | None
) -> None:
    error = refusal(write({"tasks.py": ""}) / asked)
    assert asked[:20] in error.message
    assert error.hint == hint


def test_two_tasks_with_one_slug_are_refused(write: Write) -> None:
    folder = write({"env.py": ENV, "tasks/a.py": one("same"), "tasks/b.py": one("same", "y")})
    assert "two tasks have the slug `same`" in refusal(folder / "tasks").message


def test_two_tasks_that_cannot_be_told_apart_are_refused(write: Write) -> None:
    twice = "from env import count\na = count.task(word='x')\nb = count.task(word='x')\n"
    error = refusal(write({"env.py": ENV, "tasks.py": twice}) / "tasks.py")
    assert "count(word='x'" in error.message
    assert error.hint == "give each task a slug of its own"


def named(*slugs: str) -> list[Task]:
    return [
        Task(scenario="count", args={"n": number}, slug=slug) for number, slug in enumerate(slugs)
    ]


@pytest.mark.parametrize(
    ("ids", "chosen"),
    [(["c", "a"], ["c", "a"]), (["a", "a"], ["a"]), (["1"], ["b"]), (["0", "7"], ["a", "7"])],
)
def test_tasks_are_chosen_by_slug_or_else_by_position(ids: list[str], chosen: list[str]) -> None:
    assert [task.slug for task in select(named("a", "b", "c", "7"), ids, "tasks.py")] == chosen


@pytest.mark.parametrize(
    ("wanted", "hint"),
    [
        ("strawbery-r", "did you mean `strawberry-r`?"),
        ("zzz", "there are `apple-r`, `strawberry-r`"),
        ("9", "there are `apple-r`, `strawberry-r`"),
    ],
)
def test_an_unknown_slug_is_named_with_the_near_ones(wanted: str, hint: str) -> None:
    with pytest.raises(UserError, match=f"no task named `{wanted}` in tasks.py") as caught:
        select(named("strawberry-r", "apple-r"), [wanted], "tasks.py")
    assert caught.value.hint == hint


def test_a_cell_of_a_csv_file_keeps_its_line_ends(tmp_path: Path) -> None:
    args = {"word": "one\ntwo\r\nthree\r", "letter": "r"}
    path = tmp_path / "tasks.csv"
    path.write_bytes(to_csv([{"slug": "a", "scenario": "count", "args": args}]).encode())
    (task,) = load_tasks(path, raw=True)
    assert task["args"] == args
