"""Environments in the shapes of published ones earn the same by every path to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from hud import Environment
from tests.docker.images import environment_image
from tests.environments.driving import (
    REWARDS,
    UNPLAYED,
    imported,
    over_http,
    over_stdio,
    play,
    play_over,
)

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.mark.parametrize("name", REWARDS)
async def test_in_this_process(name: str) -> None:
    with imported(name) as tasks:
        assert await play(tasks, "oracle") == pytest.approx(REWARDS[name])
        unplayed = await play(tasks, "nop")
        assert max(reward or 0.0 for reward in unplayed.values()) <= UNPLAYED[name]


@pytest.mark.parametrize("name", REWARDS)
async def test_over_standard_input_and_output(name: str) -> None:
    with imported(name) as tasks:
        assert await play_over(over_stdio(name), tasks, "oracle") == pytest.approx(REWARDS[name])


@pytest.mark.parametrize("name", REWARDS)
async def test_over_http(name: str, tmp_path: Path) -> None:
    with imported(name) as tasks:
        async with over_http(name, tmp_path) as url:
            connected = Environment(name).connect_url(url)
            earned = await play_over(connected, tasks, "oracle")
    assert earned == pytest.approx(REWARDS[name])


@pytest.mark.docker
@pytest.mark.parametrize("name", REWARDS)
async def test_in_a_container(name: str) -> None:
    image = await environment_image(name)
    with imported(name) as tasks:
        connected = Environment(name).connect_image(image)
        earned = await play_over(connected, tasks, "oracle")
    assert earned == pytest.approx(REWARDS[name])
