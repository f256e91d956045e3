"""Tasks that name an environment run in fresh instances of the registered one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from hud.client import Client
from hud.errors import UserError
from hud.wire import JobRequest, JobView, Variant
from tests.controller.environments.template import put_template, settled, until
from tests.controller.environments.test_registered import deployed
from tests.controller.running import RunningController

ORACLE = Variant(name="oracle", agent="oracle")


@pytest.fixture
def letters(controller: RunningController, client: Client) -> Iterator[str]:
    """The template, in the workspace."""
    file = put_template(controller.workspace, "letters")
    settled(client, "letters")
    yield "letters"
    shutil.rmtree(file.parent)


def evaluated(client: Client, source: str) -> JobView:
    """A job, once it has ended."""
    begun = client.start_job(JobRequest(source=source, agents=[ORACLE])).job.id

    def look() -> JobView | None:
        view = client.job(begun)
        return view if view.job.status != "running" else None

    return until(look, 90)


def test_a_folder_and_its_deployment_are_evaluated_by_name(
    controller: RunningController, client: Client, letters: str
) -> None:
    assert deployed(client, controller.workspace / letters, "counter").status == "passed"
    assert mean(evaluated(client, letters)) == ("finished", 1.0)
    (controller.workspace / letters / "env.py").write_text("raise ValueError('later')")
    assert mean(evaluated(client, "counter")) == ("finished", 1.0)
    with pytest.raises(UserError, match="later"):
        client.start_job(JobRequest(source=letters, agents=[ORACLE]))
    client.remove_environment("counter")


def mean(view: JobView) -> tuple[str, float | None]:
    """How a job ended, and its mean."""
    return view.job.status, view.totals.mean
