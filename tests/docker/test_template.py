"""The template's image: built by `hud build`, evaluated, served over stdio and over HTTP."""

from __future__ import annotations

import pytest

from hud import Environment
from hud.types import MCPToolCall
from tests.command import Command

pytestmark = [pytest.mark.docker, pytest.mark.slow]

NAME = "hud-test-template"


@pytest.fixture
def template(hud_cli: Command) -> Command:
    """`hud` in a folder that `hud init` has made."""
    assert hud_cli("init", NAME).returncode == 0
    return hud_cli.within(hud_cli.cwd / NAME)


async def play(image: str) -> float | None:
    env = Environment("my-env").connect_image(image)
    task = env("count", word="strawberry", letter="r")
    task.validation = [
        MCPToolCall(name="count_letter", arguments={"text": "strawberry", "letter": "r"}),
        MCPToolCall(name="submit", arguments={"answer": "3"}),
    ]
    return (await task.run("oracle")).reward


def test_a_new_environment_is_built_and_evaluated_in_containers(template: Command) -> None:
    built = template("build", timeout=300)
    assert (built.returncode, built.stdout) == (0, f"{NAME}:latest\n"), built.stderr
    assert "✓ 1 tool, 1 scenario; answers after" in built.stderr
    isolated = ("--full", "--isolation", "container")
    ended = template("eval", "tasks.py", "oracle", *isolated, timeout=120)
    assert "Pass: 3/3 (100%)" in ended.stdout, ended.stderr
    assert "up to date" in template("build").stderr


@pytest.mark.anyio
async def test_it_serves_over_stdio_and_by_its_other_command_over_http(template: Command) -> None:
    assert template("build", timeout=300).returncode == 0
    assert await play(NAME) == 1.0
    recipe = template.cwd / "Dockerfile"
    *lines, over_stdio = recipe.read_text().splitlines()
    over_http = [line.removeprefix("#   ") for line in lines if line.startswith("#   ")]
    assert over_stdio.startswith("CMD ")
    recipe.write_text("\n".join([*lines, *over_http]))
    assert template("build", "--tag", f"{NAME}-http", timeout=300).returncode == 0
    assert await play(f"{NAME}-http") == 1.0


def test_a_change_of_env_py_installs_nothing_again(template: Command) -> None:
    assert template("build", timeout=300).returncode == 0
    source = template.cwd / "env.py"
    source.write_text(source.read_text().replace("Count occurrences", "Tell the occurrences"))
    ended = template("build", timeout=120)
    assert ended.returncode == 0
    assert "Collecting" not in ended.stderr
