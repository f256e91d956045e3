"""Images that the tests of the docker lane run: built when they are asked for, kept for the
next run.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from hud.containers import BuildRequest, Engine
from hud.runtime.sdk import sdk_folder
from tests.command import ROOT

ENVIRONMENTS = ROOT / "tests/environments"
SDK = "hud-test-sdk:latest"
RECIPE = """\
FROM python:3.11-slim
WORKDIR /app
COPY packages.txt .
RUN --mount=type=cache,target=/cache pip --cache-dir /cache install --quiet -r packages.txt
COPY *.whl .
RUN pip install --quiet --no-deps *.whl
"""
"""The SDK in two steps, so that a change of the SDK alone does not install its packages again."""


async def sdk_image(engine: Engine) -> str:
    """An image with the SDK under test."""
    with tempfile.TemporaryDirectory() as cache:
        folder = sdk_folder(Path(cache))
        wheel = next(folder.glob("*.whl"))
        (folder / "packages.txt").write_text("\n".join(packages_of(wheel)) + "\n")
        (folder / "Dockerfile").write_text(RECIPE)
        await engine.build(BuildRequest(folder, tag=SDK))
    return SDK


def packages_of(wheel: Path) -> Iterator[str]:
    """What a wheel requires, without its extras."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith("/METADATA"))
        lines = archive.read(name).decode().splitlines()
    for line in lines:
        if line.startswith("Requires-Dist: ") and "extra ==" not in line:
            yield line.removeprefix("Requires-Dist: ")


async def environment_image(name: str) -> str:
    """The image of one of the environments that are kept beside the tests."""
    return await folder_image(ENVIRONMENTS / name, f"hud-test-{name}")


async def folder_image(folder: Path, tag: str) -> str:
    """The image of a folder."""
    async with Engine() as engine:
        await sdk_image(engine)
        return (await engine.build(BuildRequest(folder, tag=tag))).tag
