"""Every ready-made tool in an image that has nothing but the SDK."""

from __future__ import annotations

import pytest

from hud import Environment
from tests.docker.images import environment_image
from tests.hud.tools.test_every_tool import failing, reached

pytestmark = [pytest.mark.docker, pytest.mark.anyio, pytest.mark.slow]


async def test_every_tool_works_in_an_image_and_stays_in_its_folder() -> None:
    image = await environment_image("toolshed")
    async with Environment("tools").connect_image(image) as env:
        assert await failing(env) == []
        assert await reached(env) == []
