"""What tests of the controller share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hud.client import Client
from tests.controller.running import RunningController, running_controller


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningController]:
    """A controller with an empty workspace, shared by the tests of a module."""
    with running_controller(tmp_path_factory.mktemp("controller")) as running:
        yield running


@pytest.fixture
def client(controller: RunningController) -> Iterator[Client]:
    """A client of it."""
    with controller.client() as client:
        yield client
