"""`hud build`: an image is built once, started once, and what it offers is written down."""

from __future__ import annotations

import hashlib
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from hud.containers import BuildRequest, Engine
from tests.command import ROOT, Command

pytestmark = [pytest.mark.docker, pytest.mark.slow]

HEALTHY = ROOT / "tests/docker/healthy/scenarios"


def docker(*arguments: str) -> str:
    return subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, check=True, timeout=60
    ).stdout


@pytest.fixture
def project(hud_cli: Command) -> Command:
    """`hud` in a folder with an environment that can be built."""
    folder = hud_cli.cwd / "hud-test-build"
    shutil.copytree(HEALTHY, folder)
    return hud_cli.within(folder)


def lock_of(project: Command) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((project.cwd / "hud.lock.yaml").read_text("utf-8"))
    return content


def test_a_build_writes_down_what_the_image_offers(project: Command) -> None:
    ended = project("build", "--no-cache", timeout=120)
    assert (ended.returncode, ended.stdout) == (0, "hud-test-build:latest\n"), ended.stderr
    lock = lock_of(project)
    form = "{{.Id}} {{.Os}}/{{.Architecture}}"
    identity, platform = docker("image", "inspect", "--format", form, "hud-test-build").split()
    named = {"name": "hud-test-build:latest", "digest": identity}
    assert lock["image"] == {**named, "platform": platform}
    assert [tool["name"] for tool in lock["tools"]] == ["ping"]
    names = [scenario["name"] for scenario in lock["scenarios"]]
    assert names == ["letters:count", "letters:review"]
    assert lock["tools"][0]["inputSchema"] == {"type": "object", "properties": {}}
    assert (lock["start_seconds"] > 0, len(lock["source"])) == (True, 64)
    assert re.search(r"✓ \[.*2/\d\] WORKDIR /app", ended.stderr)


def test_what_is_unchanged_is_neither_built_nor_started_nor_written_again(
    project: Command,
) -> None:
    assert project("build", timeout=120).returncode == 0
    before = (project.cwd / "hud.lock.yaml").stat().st_mtime_ns
    ended = project("build", timeout=120)
    assert "up to date: nothing that it is built from has changed" in ended.stderr
    assert "starting it once" not in ended.stderr
    assert (project.cwd / "hud.lock.yaml").stat().st_mtime_ns == before


def test_a_change_of_what_the_image_copies_is_built(project: Command) -> None:
    assert project("build", timeout=120).returncode == 0
    before = lock_of(project)
    server = project.cwd / "server.py"
    server.write_text(server.read_text().replace('"Say pong."', '"Say pong at once."'))
    ended = project("build", timeout=120)
    assert "✓ built hud-test-build:latest" in ended.stderr
    after = lock_of(project)
    assert after["tools"][0]["description"] == "Say pong at once."
    assert after["source"] != before["source"]


@pytest.mark.parametrize("name", ["Hud Test ÜBER", "HUD_TEST"])
def test_any_folder_has_a_valid_image_name(hud_cli: Command, name: str) -> None:
    folder = hud_cli.cwd / name
    shutil.copytree(HEALTHY, folder)
    ended = hud_cli("build", name, timeout=120)
    assert ended.returncode == 0, ended.stderr
    docker("image", "rm", ended.stdout.strip())


def test_a_failing_build_shows_its_step_its_last_lines_and_a_remedy(project: Command) -> None:
    recipe = project.cwd / "Dockerfile"
    recipe.write_text(recipe.read_text() + "RUN echo so far so good && no-such-command --now\n")
    ended = project("build", "--tag", "hud-test-failing", timeout=120)
    assert (ended.returncode, ended.stdout) == (1, "")
    *_, error, hint = ended.stderr.splitlines()
    assert re.search(r"at step `\[.*4/4\] RUN echo so far so good", error)
    assert hint == "hint: install `no-such-command` in an earlier step of the Dockerfile"
    assert "so far so good" in ended.stderr
    assert not (project.cwd / "hud.lock.yaml").exists()
    assert docker("image", "ls", "--quiet", "hud-test-failing") == ""


def test_a_server_that_does_not_start_is_told_and_no_lock_is_written(project: Command) -> None:
    (project.cwd / "server.py").write_text("raise SystemExit('no backend here')\n")
    ended = project("build", "--tag", "hud-test-not-starting", timeout=120)
    assert ended.returncode == 1
    assert "no backend here" in ended.stderr
    assert ended.stderr.splitlines()[-1] == "hint: hud debug hud-test-not-starting:latest"
    assert not (project.cwd / "hud.lock.yaml").exists()


def test_a_secret_is_used_by_a_step_and_in_no_layer(project: Command) -> None:
    recipe = project.cwd / "Dockerfile"
    step = "RUN --mount=type=secret,id=token sha256sum /run/secrets/token > /token.sum\n"
    recipe.write_text(recipe.read_text() + step)
    ended = project.having(TOKEN="s3cr3t-t0k3n")(
        "build", "--secret", "id=token,env=TOKEN", "--tag", "hud-test-secret", timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    inside = docker("run", "--rm", "--network=none", "hud-test-secret", "cat", "/token.sum")
    assert inside.split()[0] == hashlib.sha256(b"s3cr3t-t0k3n").hexdigest()
    history = docker("image", "history", "--no-trunc", "--format", "{{json .}}", "hud-test-secret")
    known = history + docker("image", "inspect", "hud-test-secret") + ended.stdout + ended.stderr
    assert "s3cr3t-t0k3n" not in known
    assert "s3cr3t-t0k3n" not in (project.cwd / "hud.lock.yaml").read_text()


def test_variables_that_a_container_needs_are_written_down_without_values(
    project: Command,
) -> None:
    recipe = project.cwd / "Dockerfile"
    recipe.write_text(recipe.read_text() + 'ENV API_KEY="" MODE=fast\n')
    code = "import os; os.environ['SHOP_KEY']\n"
    server = project.cwd / "server.py"
    server.write_text(server.read_text().replace("played: dict", f"{code}played: dict"))
    refused = project("build", "--tag", "hud-test-variables", timeout=120)
    assert (refused.returncode, "KeyError: 'SHOP_KEY'" in refused.stderr) == (1, True)
    ended = project("build", "--tag", "hud-test-variables", "-e", "SHOP_KEY=k3y", timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert lock_of(project)["variables"]["required"] == ["API_KEY", "SHOP_KEY"]
    assert "k3y" not in (project.cwd / "hud.lock.yaml").read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_build_leaves_no_builder_and_no_lock(
    project: Command, number: signal.Signals
) -> None:
    recipe = project.cwd / "Dockerfile"
    recipe.write_text(recipe.read_text() + f"RUN sleep 300 && echo {number}\n")
    process = project.start("build", "--tag", "hud-test-interrupted")
    assert process.stderr is not None
    while "RUN sleep 300" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == 128 + number
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not [line for line in commands if b"buildx" in line and bytes(project.cwd) in line]
    assert not (project.cwd / "hud.lock.yaml").exists()


@pytest.mark.anyio
async def test_images_that_hud_built_are_listed_and_lose_their_names(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nLABEL of=test_build\n")
    async with Engine() as engine:
        await engine.build(BuildRequest(tmp_path, tag="hud-test-listed"))
        listed = {tag for image in await engine.images() for tag in image.tags}
        assert "hud-test-listed:latest" in listed
        assert await engine.remove_image("hud-test-listed:latest")
        assert not await engine.remove_image("hud-test-listed:latest")
