"""What the tests of the docker lane share: an engine, and images of environments."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import anyio
import pytest

from hud.containers import Engine
from hud.containers.labels import this_process
from tests.docker.images import environment_image, folder_image

OVER_HTTP = """\
FROM {image}
EXPOSE 8000
CMD ["python", "-c", "from env import env; env.run('http', host='0.0.0.0', port=8000)"]
"""


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    """The engine, open."""
    with anyio.fail_after(120):
        async with Engine() as engine:
            yield engine


@pytest.fixture(scope="session")
def trouble() -> str:
    """The image of `tests/environments/trouble`."""
    return anyio.run(environment_image, "trouble")


@pytest.fixture(scope="session")
def trouble_over_http(trouble: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same environment, served over HTTP."""
    folder = tmp_path_factory.mktemp("trouble-http")
    (folder / "Dockerfile").write_text(OVER_HTTP.format(image=trouble))
    return anyio.run(folder_image, folder, "hud-test-trouble-http")


@pytest.fixture
async def left() -> Callable[[], Awaitable[list[str]]]:
    """Names of the containers and volumes that this process has now."""

    async def now() -> list[str]:
        async with Engine() as engine:
            found = await engine.resources()
        return [item.name for item in found if item.owner == this_process()]

    return now


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder whose name is a good one for an image."""
    made = tmp_path / "hud-test-folder"
    made.mkdir()
    return made
