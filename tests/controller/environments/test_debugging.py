"""Examinations that run in the controller."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hud.client import Client
from hud.errors import UserError
from hud.wire.platform import DebugRecord, DebugRequest
from tests.controller.environments.template import put, settled, until
from tests.controller.records import events
from tests.controller.running import RunningController

SLOW = """import time
from hud import Environment

time.sleep(60)
env = Environment("slow")
"""


@pytest.fixture(scope="module")
def subject(controller: RunningController) -> Iterator[str]:
    """An environment of the workspace."""
    file = put(controller.workspace, "subject")
    with controller.client() as client:
        settled(client, "subject")
    yield "subject"
    shutil.rmtree(file.parent)


def begun(client: Client, target: str, **options: int) -> DebugRecord:
    """An examination, once the controller has come upon the folder."""
    return until(lambda: client.start_debug_run(DebugRequest(target=target, **options)))


def ended(client: Client, record: DebugRecord) -> DebugRecord:
    """An examination, once it has ended."""

    def look() -> DebugRecord | None:
        found = client.debug_run(record.id)
        return found if found.status != "running" else None

    return until(look, 90)


@pytest.mark.slow
def test_an_examination_goes_through_its_phases(client: Client, subject: str) -> None:
    run = client.start_debug_run(DebugRequest(target=subject, max_phase=4))
    assert run.status == "running"
    record = ended(client, run)
    assert record.status == "passed", record
    assert [phase.number for phase in record.phases] == [1, 2, 3, 4]
    assert {phase.status for phase in record.phases} == {"passed"}
    assert run.id in [one.id for one in client.debug_runs()]
    assert len([event for event in events(client) if event.subject == run.id]) >= 9


@pytest.mark.slow
def test_a_failed_phase_has_its_remedy_and_later_ones_are_skipped(
    workspace: Path, client: Client
) -> None:
    put(workspace, "unfinished").write_text("import hud\nhud.Environment('x'")
    record = ended(client, begun(client, "unfinished", max_phase=3))
    assert record.status == "failed"
    assert [phase.status for phase in record.phases] == ["failed", "skipped", "skipped"]
    assert "SyntaxError" in str(record.phases[0].error)
    assert record.phases[0].fix


def test_an_examination_can_be_cancelled(workspace: Path, client: Client) -> None:
    put(workspace, "sleepy").write_text(SLOW)
    run = begun(client, "sleepy")
    until(lambda: client.debug_run(run.id).phases or None)
    assert client.cancel_debug_run(run.id).status == "cancelled"
    with pytest.raises(UserError, match="has cancelled already"):
        client.cancel_debug_run(run.id)


def test_there_is_nothing_to_examine_by_an_unknown_name(client: Client, subject: str) -> None:
    with pytest.raises(UserError, match="no environment `subjet`") as caught:
        client.start_debug_run(DebugRequest(target="subjet"))
    assert caught.value.hint == "did you mean `subject`?"
