"""What tests of the dashboard share: a controller with an environment in its workspace, and pages
that speak to it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit import config

from hud.client import Client
from tests.command import ROOT
from tests.controller.running import RunningController, running_controller
from tests.dashboard.pages import Pages, wait_until_state
from tests.dashboard.seeding import Seeded, seed_letters

config.set_option("runner.magicEnabled", False)  # as in the dashboard's own configuration
HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep these tests in one worker: they share a controller, which is dear.

    First of all hooks, because xdist looks for groups in its own.
    """
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.xdist_group("dashboard"))


@pytest.fixture(scope="session")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningController]:
    """A controller whose workspace holds the template, `notes`, and `broken`.

    All of these tests share it: each gives names of its own to what it stores.
    """
    folder = tmp_path_factory.mktemp("dashboard")
    workspace = folder / "workspace"
    shutil.copytree(HERE / "environments", workspace)
    shutil.copytree(ROOT / "env_template", workspace / "letter-counter")
    (workspace / "letter-counter/Dockerfile").unlink()
    with running_controller(folder) as running:
        with running.client() as client:
            wait_until_state(client, "running", "letter-counter", "notes")
            wait_until_state(client, "failed", "broken")
        yield running


@pytest.fixture(scope="session")
def letters(controller: RunningController) -> Seeded:
    """A taskset with results, and the ids of its jobs."""
    ids = Seeded()
    with controller.client() as client:
        seed_letters(client, ids)
    return ids


@pytest.fixture
def client(controller: RunningController) -> Iterator[Client]:
    """A client of it."""
    with controller.client() as client:
        yield client


@pytest.fixture
def pages(controller: RunningController, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pages]:
    """Opens pages that speak to it."""
    monkeypatch.setenv("HUD_API_URL", controller.url)
    monkeypatch.setenv("HUD_API_KEY", controller.token)
    st.cache_resource.clear()
    yield Pages()
    st.cache_resource.clear()
