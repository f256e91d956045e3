"""Task files that know nothing of each other, imported into one process."""

from __future__ import annotations

import pytest

from hud.eval.taskset import collect
from tests.hud.eval.conftest import ENV, Write, keys, one

pytestmark = pytest.mark.usefixtures("clean_imports")


def test_two_folders_with_an_env_of_their_own_each_get_theirs(write: Write) -> None:
    files = {f"{name}/env.py": ENV.replace('"letters"', f'"{name}"') for name in "ab"}
    tasks = {f"{name}/task.py": one(name) for name in "ab"}
    found = collect(str(write({**files, **tasks})))
    assert [(task.slug, task.env_name) for task in found] == [("a", "a"), ("b", "b")]


def test_a_name_that_an_installed_module_has_too_means_the_file(write: Write) -> None:
    folder = write({"env.py": ENV, "json.py": one("mine"), "tasks/random.py": one("chance")})
    assert keys(folder / "json.py") == ["mine"]
    assert keys(folder / "tasks") == ["chance"]


@pytest.mark.parametrize("start", ["tasks", "tasks/b.py", "."])
def test_files_of_a_package_import_each_other_relatively(write: Write, start: str) -> None:
    shared = "from .words import WORD\n" + one("relative").replace('"x"', "WORD")
    files = {
        "env.py": ENV,
        "tasks/__init__.py": "",
        "tasks/words.py": "WORD = 'x'\n",
        "tasks/b.py": shared,
    }
    assert keys(write(files) / start) == ["relative"]


def test_a_task_that_two_files_share_is_one_task(write: Write) -> None:
    second = "from tasks.a import only\n" + one("b", "y").replace("only =", "more =")
    folder = write({"env.py": ENV, "tasks/a.py": one("a"), "tasks/b.py": second})
    assert keys(folder / "tasks") == ["a", "b"]


def test_a_linked_file_sees_the_folders_at_both_ends(write: Write) -> None:
    folder = write({"env.py": ENV, "elsewhere/words.py": "WORD = 'x'\n"})
    target = folder / "elsewhere/real.py"
    target.write_text("from words import WORD\n" + one("linked"))
    (folder / "tasks.py").symlink_to(target)
    assert keys(folder / "tasks.py") == ["linked"]
