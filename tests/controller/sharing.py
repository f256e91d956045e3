"""The controller that the tests of a worker share, because an interpreter takes long to load one.

A plugin, so that every folder means the same one. Whoever uses it gives names of its own to what it
stores, looks at those only, and takes its folders out of the workspace again. A test that needs an
empty controller, or kills it, starts one with `running_controller`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hud.client import Client
from tests.controller.running import RunningController, running_controller

ALLOWED_HOSTS = "controller, Other.Internal"
OPENAI_KEY = "kept-there"


@pytest.fixture(scope="session")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningController]:
    """A controller that allows two more names, and has a key for OpenAI."""
    settings = {"HUD_ALLOWED_HOSTS": ALLOWED_HOSTS, "OPENAI_API_KEY": OPENAI_KEY}
    with running_controller(tmp_path_factory.mktemp("controller"), **settings) as running:
        yield running


@pytest.fixture
def client(controller: RunningController) -> Iterator[Client]:
    """A client of it."""
    with controller.client() as client:
        yield client
