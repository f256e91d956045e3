"""Environments are found by what their files say; nothing is imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.environments.discovery import (
    Discovery,
    could_run_in_process,
    declared_name,
    makes_environment,
    watched_names,
)

MADE = "from hud import Environment\nenv = Environment('a')\n"


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        pytest.param(MADE, True, id="made"),
        pytest.param("import hud\nserver = hud.Environment('a')", True, id="by-its-module"),
        pytest.param("from pkg.server import env\nenv.run()", True, id="taken-from-a-package"),
        pytest.param("env = Environment('a'\n", True, id="broken-but-named"),
        pytest.param("# env = Environment('a'\ndef (", False, id="broken-and-only-a-comment"),
        pytest.param("print('Environment(1)')", False, id="in-a-text"),
        pytest.param("from hud import Environment", False, id="only-imported"),
        pytest.param("", False, id="empty"),
        pytest.param("x = '\0'", False, id="no-python-at-all"),
    ],
)
def test_source_that_makes_an_environment_is_told_apart(text: str, is_one: bool) -> None:
    assert makes_environment(text) is is_one


def test_names_fit_urls_and_do_not_collide(tmp_path: Path) -> None:
    for folder in (
        "My Env",
        "my-env",
        "group/inner",
        "mcp",
        ".hidden",
        "node_modules/x",
        "a/b/c/d",
    ):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "env.py").write_text(MADE)
    found = Discovery(tmp_path).scan()
    assert {str(one.folder.relative_to(tmp_path)): one.name for one in found} == {
        "My Env": "my-env",
        "group/inner": "group-inner",
        "mcp": "mcp-2",
        "my-env": "my-env-2",
    }


def test_what_lies_below_an_environment_belongs_to_it(tmp_path: Path) -> None:
    (tmp_path / "outer/inner").mkdir(parents=True)
    (tmp_path / "outer/env.py").write_text(MADE)
    (tmp_path / "outer/inner/env.py").write_text(MADE)
    assert [one.name for one in Discovery(tmp_path).scan()] == ["outer"]


def test_a_half_written_save_takes_no_environment_away(tmp_path: Path) -> None:
    discovery = Discovery(tmp_path)
    (tmp_path / "env.py").write_text(MADE)
    assert discovery.scan()
    (tmp_path / "env.py").write_text("half")
    assert discovery.scan()
    (tmp_path / "env.py").unlink()
    assert not discovery.scan()
    (tmp_path / "env.py").write_text("half")
    assert not discovery.scan()


def test_an_image_in_another_language_counts_by_its_table(tmp_path: Path) -> None:
    (tmp_path / "node").mkdir()
    (tmp_path / "node/Dockerfile").write_text("FROM node:22\n")
    discovery = Discovery(tmp_path)
    assert discovery.scan() == []
    (tmp_path / "node/pyproject.toml").write_text("[tool.hud]\nmemory = '1g'\n")
    assert [(one.name, one.has_dockerfile) for one in discovery.scan()] == [("node", True)]


def test_the_signature_follows_what_is_declared_but_not_the_code(tmp_path: Path) -> None:
    (tmp_path / "env.py").write_text(MADE)
    discovery = Discovery(tmp_path)
    before = discovery.scan()[0].signature
    (tmp_path / "env.py").write_text(MADE + "x = 1\n")
    assert discovery.scan()[0].signature == before
    (tmp_path / "pyproject.toml").write_text("[tool.hud]\nvariables = ['KEY']\n")
    assert discovery.scan()[0].signature != before


@pytest.mark.parametrize(
    ("recipe", "could"),
    [
        pytest.param("FROM python:3.11-slim\nCOPY . .\nRUN pip install x\n", True, id="python"),
        pytest.param("FROM scratch AS hud\nFROM python:3.11\n", True, id="template"),
        pytest.param("FROM python:3.11 AS base\nFROM base\nCOPY . .\n", True, id="stages"),
        pytest.param(
            "FROM python:3.11\nRUN apt-get update && apt-get install -y postgresql\n",
            False,
            id="system-package",
        ),
        pytest.param("FROM alpine\nRUN apk add --no-cache nginx\n", False, id="alpine"),
        pytest.param("FROM postgres:16\n", False, id="database"),
    ],
)
def test_a_dockerfile_is_needed_where_it_brings_more_than_python(
    tmp_path: Path, recipe: str, could: bool
) -> None:
    (tmp_path / "env.py").write_text(MADE)
    (tmp_path / "Dockerfile").write_text(recipe)
    assert could_run_in_process(tmp_path) is could


@pytest.mark.parametrize(
    ("table", "names"),
    [
        pytest.param("[tool.hud]\nwatch = ['env.py', 'data']\n", ["env.py", "data"], id="list"),
        pytest.param("[tool.hud]\nwatch = 'src'\n", ["src"], id="one"),
        pytest.param("[tool.hud]\nmemory = '1g'\n", None, id="unsaid"),
        pytest.param("[tool.hud\n", None, id="no-toml"),
    ],
)
def test_watched_paths_are_declared_in_the_project(
    tmp_path: Path, table: str, names: list[str] | None
) -> None:
    (tmp_path / "pyproject.toml").write_text(table)
    assert watched_names(tmp_path) == names


def test_a_folder_says_what_its_environment_is_called(tmp_path: Path) -> None:
    assert declared_name(tmp_path) is None
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'project'\n")
    assert declared_name(tmp_path) == "project"
    (tmp_path / "env.py").write_text("from hud import Environment\nenv = Environment('own')\n")
    assert declared_name(tmp_path) == "own"
