"""What the words of `hud dev` name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hud.dev.target import Source, Surroundings, is_in_container, is_module, read_source
from hud.errors import UserError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "env.py").write_text("")
    (tmp_path / "server").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("words", "source"),
    [
        ([], Source("module")),
        (["env"], Source("module", "env")),
        (["env:env"], Source("module", "env:env")),
        (["server.main"], Source("module", "server.main")),
        (["sub/env.py:env"], Source("module", "sub/env.py:env")),
        (["json"], Source("module", "json")),
        (["my-env:latest"], Source("docker", None, "my-env:latest", needs_engine=True)),
        (["redis:latest"], Source("docker", None, "redis:latest", needs_engine=True)),
        (["host:5000/x"], Source("docker", None, "host:5000/x", needs_engine=True)),
        (["env:env", "my-env"], Source("docker", "env:env", "my-env", needs_engine=True)),
        (["--", "node", "x.js"], Source("command", command=("node", "x.js"))),
    ],
)
def test_a_word_is_a_module_if_there_is_one_and_else_an_image(
    folder: Path, words: list[str], source: Source
) -> None:
    assert read_source(words, None, None, Surroundings(folder)) == source


@pytest.mark.parametrize(
    ("docker", "in_container", "kind", "needs_engine"),
    [
        (None, False, "docker", False),
        (True, False, "docker", True),
        (False, False, "module", False),
        (None, True, "module", False),
        (True, True, "docker", True),
    ],
)
def test_a_dockerfile_means_a_container_but_not_within_one(
    folder: Path, docker: bool | None, in_container: bool, kind: Any, needs_engine: bool
) -> None:
    (folder / "Dockerfile").write_text("FROM scratch")
    around = Surroundings(folder, in_container)
    expected = Source(kind, "env", needs_engine=needs_engine)
    assert read_source(["env"], None, docker, around) == expected


@pytest.mark.parametrize("docker", [False, None])
def test_where_no_image_can_be_meant_a_missing_module_is_one(
    folder: Path, docker: bool | None
) -> None:
    around = Surroundings(folder, in_container=docker is None)
    assert read_source(["nope:env"], None, docker, around) == Source("module", "nope:env")


@pytest.mark.parametrize(
    ("words", "url"),
    [
        (["env", "env"], None),
        (["my-env", "my-other"], None),
        (["env"], "http://x"),
        (["--", "x"], "http://x"),
        (["env", "--", "x"], None),
    ],
)
def test_more_than_one_thing_to_serve_is_refused(
    folder: Path, words: list[str], url: str | None
) -> None:
    with pytest.raises(UserError, match=r"one name too many|more than one thing"):
        read_source(words, url, None, Surroundings(folder))


@pytest.mark.parametrize(
    ("files", "variables", "is_one"),
    [
        ((), {}, False),
        ((".dockerenv",), {}, True),
        (("run/.containerenv",), {}, True),
        ((), {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, True),
        ((".dockerenv", "var/run/docker.sock"), {}, False),
        ((".dockerenv",), {"DOCKER_HOST": "tcp://engine:2375"}, False),
        ((), {"HUD_IN_CONTAINER": "1"}, True),
        ((".dockerenv",), {"HUD_IN_CONTAINER": "No"}, False),
        ((".dockerenv", "var/run/docker.sock"), {"HUD_IN_CONTAINER": "yes"}, True),
    ],
)
def test_a_container_that_has_no_engine_to_work_with_only_runs_this_process(
    tmp_path: Path, files: tuple[str, ...], variables: dict[str, str], is_one: bool
) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert is_in_container(variables.get, tmp_path) is is_one


@pytest.mark.parametrize(
    ("word", "is_one"),
    [
        ("shop:latest", False),
        ("shop", True),
        ("shop.till:env", True),
        ("shop.till", True),
        ("shop.nothing:env", False),
    ],
)
def test_a_folder_without_init_is_a_package_only_for_modules_that_are_in_it(
    folder: Path, word: str, is_one: bool
) -> None:
    (folder / "shop").mkdir()
    (folder / "shop" / "till.py").touch()
    assert is_module(word, folder) is is_one
