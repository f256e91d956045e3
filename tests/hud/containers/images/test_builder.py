"""Images are built by the real builder: progress, failures, secrets, what goes in."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from hud.containers import (
    BuildEvent,
    BuildFailure,
    BuildRequest,
    BuildResult,
    ContainerSpec,
    Engine,
)
from hud.containers.images.builder import build_arguments
from hud.containers.images.context import read_context

pytestmark = [pytest.mark.docker, pytest.mark.anyio]

BASE = "FROM python:3.11-slim\n"


class Workshop:
    """A folder that is built at a real engine, under a name of its own."""

    def __init__(self, folder: Path, engine: Engine, tag: str) -> None:
        self.folder, self.engine, self.tag = folder, engine, tag
        self.events: list[BuildEvent] = []

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    async def build(self, dockerfile: str, **fields: Any) -> BuildResult:
        self.write("Dockerfile", BASE + dockerfile)
        fields.setdefault("tag", self.tag)
        return await self.engine.build(BuildRequest(self.folder, **fields), self.events.append)

    async def output(self, *command: str) -> str:
        """What a command prints in a container of the image."""
        spec = ContainerSpec(image=self.tag, command=("sleep", "60"))
        async with self.engine.container(spec) as container:
            await container.start()
            return (await container.execute(command, seconds=20)).stdout.decode()


@pytest.fixture
async def workshop(tmp_path: Path) -> AsyncIterator[Workshop]:
    tag = f"hud-test-{uuid.uuid4().hex[:8]}:latest"
    with anyio.fail_after(120):
        async with Engine() as engine:
            yield Workshop(tmp_path, engine, tag)
    await anyio.run_process(["docker", "image", "rm", "--force", tag], check=False)


async def test_progress_comes_while_the_image_is_built(workshop: Workshop) -> None:
    built = await workshop.build(f"RUN echo {uuid.uuid4()} && echo $((6 * 7))")
    lines = [event for event in workshop.events if event.kind == "line" and event.text == "42"]
    assert lines
    assert lines[0].name.startswith("[2/2] RUN echo")
    assert built.image.tags == (workshop.tag,)


async def test_a_failing_step_is_named_with_its_last_lines_and_a_remedy(workshop: Workshop) -> None:
    with pytest.raises(
        BuildFailure, match=r"step `\[2/2\] RUN .*nosuchtool`: exit code: 127"
    ) as no:
        await workshop.build("RUN echo before && nosuchtool")
    assert no.value.boundary == "build"
    assert "before" in (no.value.detail or "").splitlines()
    assert no.value.hint == "install `nosuchtool` in an earlier step of the Dockerfile"


@pytest.mark.parametrize(
    ("dockerfile", "hint"),
    [
        ("COPY nosuch.txt /\n", "`/nosuch.txt` is not in the folder"),
        ("RUNN true\n", "`RUNN`"),
        ("RUN --mount=type=secret,id=token,required=true true\n", "id=token"),
        ("RUN exit 137\n", "memory"),
    ],
)
async def test_a_failure_of_the_builder_has_its_remedy(
    workshop: Workshop, dockerfile: str, hint: str
) -> None:
    with pytest.raises(BuildFailure) as refused:
        await workshop.build(dockerfile)
    assert hint in (refused.value.hint or "")


async def test_a_build_that_takes_too_long_is_ended(workshop: Workshop) -> None:
    with pytest.raises(
        BuildFailure, match=r"longer than 3 seconds at step `\[2/2\] RUN sleep 300`"
    ):
        await workshop.build("RUN sleep 300", seconds=3)
    left = await anyio.run_process(["pgrep", "-f", "^sleep 300$"], check=False)
    assert left.returncode == 1


async def test_a_secret_is_used_but_is_in_no_layer_and_no_command_line(workshop: Workshop) -> None:
    secret = uuid.uuid4().hex
    built = await workshop.build(
        "RUN --mount=type=secret,id=token wc -c < /run/secrets/token > /size\n",
        secrets={"token": secret},
    )
    assert (await workshop.output("cat", "/size")).strip() == "32"
    history = await anyio.run_process(["docker", "history", "--no-trunc", built.image.id])
    everything = await anyio.run_process(["docker", "save", built.image.id])
    assert secret.encode() not in history.stdout + everything.stdout
    request = BuildRequest(workshop.folder, secrets={"token": secret})
    assert secret not in f"{request} {build_arguments(request, workshop.tag, '', 'Dockerfile')}"


async def test_build_arguments_reach_the_build_and_count_as_source(workshop: Workshop) -> None:
    dockerfile = "ARG WORD\nRUN echo $WORD > /word\n"
    first = await workshop.build(dockerfile, build_args={"WORD": "one"})
    again = await workshop.build(dockerfile, build_args={"WORD": "two"})
    assert (first.reused, again.reused) == (False, False)
    assert (await workshop.output("cat", "/word")).strip() == "two"


async def test_no_cache_builds_again(workshop: Workshop) -> None:
    first = await workshop.build("RUN date +%N > /now\n")
    again = await workshop.build("RUN date +%N > /now\n", no_cache=True)
    assert not again.reused
    assert again.image.id != first.image.id
    assert await workshop.engine.image(first.image.id) is None


IGNORED = """\
# what the image does not need
data
!data/keep.txt
**/*.log
docs/*/draft?.md
!.env.example
[xy]*
"""
FILES = (
    "env.py", ".env", ".env.example", "data/a.txt", "data/keep.txt", "data/sub/b.txt", "x1", "z1",
    "a.log", "deep/er/b.log", "docs/one/draft1.md", "docs/one/draft12.md", "docs/draft1.md",
    ".git/HEAD", "__pycache__/a.pyc", "pkg/__pycache__/b.pyc", "ünï cödé/file name",
)  # fmt: skip


async def test_what_is_hashed_is_what_the_builder_copies(workshop: Workshop) -> None:
    for name in FILES:
        workshop.write(name, name)
    workshop.write(".dockerignore", IGNORED)
    await workshop.build("COPY . /context\n")
    found = await workshop.output("sh", "-c", "cd /context && find . -type f | cut -c3-")
    context = read_context(workshop.folder, None, 1 << 20)
    files = {name for name in context.files if (workshop.folder / name).is_file()}
    assert set(found.splitlines()) == files
    assert files > {"env.py", ".env.example", "data/keep.txt", "z1", "ünï cödé/file name"}
    assert not files & {".env", "data/a.txt", "x1", "deep/er/b.log", "docs/one/draft1.md"}


@pytest.mark.parametrize("name", ["My Env", "環境", ".hidden", "UPPER_case.2"])
async def test_a_folder_of_any_name_can_be_built(
    workshop: Workshop, tmp_path: Path, name: str
) -> None:
    workshop.folder = tmp_path / name
    built = await workshop.build("LABEL a=b\n", tag=None)
    workshop.tag = built.tag
    assert (await workshop.engine.image(built.tag)) == built.image
    await anyio.run_process(["docker", "image", "rm", built.tag])


async def test_a_link_that_the_builder_is_given_stays_inside(workshop: Workshop) -> None:
    workshop.write("file", "inside")
    (workshop.folder / "link").symlink_to("file")
    await workshop.build("COPY . /context\n")
    assert await workshop.output("cat", "/context/link") == "inside"
