"""Tasksets that are named are the controller's."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hud import Task
from hud.datasets import load_tasks, save_tasks
from hud.errors import UserError


def task() -> Task:
    return Task(env={"name": "letters"}, scenario="count", args={"word": "x"}, slug="a")


@pytest.mark.parametrize("act", [load_tasks, lambda name: save_tasks(name, [task()])])
def test_a_taskset_without_a_controller_is_told_with_the_next_command(
    act: Callable[[str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUD_API_URL", "http://127.0.0.1:9")
    with pytest.raises(UserError, match="no controller to ask for a taskset") as refusal:
        act("my-taskset")
    assert "there is no file `my-taskset`" in refusal.value.message
    assert refusal.value.hint
