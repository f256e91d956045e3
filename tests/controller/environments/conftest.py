"""The workspace of the controller that tests share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.controller.running import RunningController


@pytest.fixture
def workspace(controller: RunningController) -> Iterator[Path]:
    """Its folder, from which the test's environments are taken away again.

    They are still served for a moment: no other test may use their names.
    """
    before = set(controller.workspace.glob("*/"))
    yield controller.workspace
    for folder in set(controller.workspace.glob("*/")) - before:
        shutil.rmtree(folder)
