"""Examinations that run in the controller."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from hud.client import Client
from hud.errors import UserError
from hud.wire.platform import DebugRecord, DebugRequest
from tests.controller.environments.template import put, settled, until
from tests.controller.running import RunningController

SLOW = """import time
from hud import Environment

time.sleep(60)
env = Environment("slow")
"""


@pytest.fixture
def subject(controller: RunningController, client: Client) -> Iterator[str]:
    """An environment of the workspace."""
    file = put(controller.workspace, "subject")
    settled(client, "subject")
    yield "subject"
    shutil.rmtree(file.parent)
    until(lambda: None if client.environments() else True)


def ended(client: Client, record: DebugRecord) -> DebugRecord:
    """An examination, once it has ended."""

    def look() -> DebugRecord | None:
        found = client.debug_run(record.id)
        return found if found.status != "running" else None

    return until(look, 90)


def test_an_examination_goes_through_its_phases(client: Client, subject: str) -> None:
    begun = client.start_debug_run(DebugRequest(target=subject, max_phase=4))
    assert begun.status == "running"
    record = ended(client, begun)
    assert record.status == "passed", record
    assert [phase.number for phase in record.phases] == [1, 2, 3, 4]
    assert {phase.status for phase in record.phases} == {"passed"}
    assert begun.id in [one.id for one in client.debug_runs()]
    events = [event for event in client.past_events(0) if event.subject == begun.id]
    assert len(events) >= 9


def test_a_failed_phase_has_its_remedy_and_later_ones_are_skipped(
    controller: RunningController, client: Client, subject: str
) -> None:
    (controller.workspace / subject / "env.py").write_text("import hud\nhud.Environment('x'")
    record = ended(client, client.start_debug_run(DebugRequest(target=subject, max_phase=3)))
    assert record.status == "failed"
    assert [phase.status for phase in record.phases] == ["failed", "skipped", "skipped"]
    assert "SyntaxError" in str(record.phases[0].error)
    assert record.phases[0].fix


def test_an_examination_can_be_cancelled(
    controller: RunningController, client: Client, subject: str
) -> None:
    (controller.workspace / subject / "env.py").write_text(SLOW)
    begun = client.start_debug_run(DebugRequest(target=subject))
    until(lambda: client.debug_run(begun.id).phases or None)
    assert client.cancel_debug_run(begun.id).status == "cancelled"
    with pytest.raises(UserError, match="has cancelled already"):
        client.cancel_debug_run(begun.id)


def test_there_is_nothing_to_examine_by_an_unknown_name(client: Client, subject: str) -> None:
    with pytest.raises(UserError, match="no environment `subjet`") as caught:
        client.start_debug_run(DebugRequest(target="subjet"))
    assert caught.value.hint == "did you mean `subject`?"
