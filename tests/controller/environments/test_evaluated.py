"""Tasks that name an environment run in fresh instances of the registered one."""

from __future__ import annotations

from pathlib import Path

import pytest

from hud.client import Client
from hud.errors import UserError
from hud.wire import JobRequest, JobView, Variant
from tests.controller.environments.template import deployed, put_template, settled, until

ORACLE = Variant(name="oracle", agent="oracle")


def evaluated(client: Client, source: str) -> JobView:
    """A job, once it has ended."""
    begun = client.start_job(JobRequest(source=source, agents=[ORACLE])).job.id

    def look() -> JobView | None:
        view = client.job(begun)
        return view if view.job.status != "running" else None

    return until(look, 90)


@pytest.mark.slow
def test_a_folder_and_its_deployment_are_evaluated_by_name(workspace: Path, client: Client) -> None:
    file = put_template(workspace, "counting")
    assert deployed(client, file.parent, "counter").status == "passed"
    settled(client, "counting")
    assert mean(evaluated(client, "counting")) == ("finished", 1.0)
    file.write_text("raise ValueError('later')")
    assert mean(evaluated(client, "counter")) == ("finished", 1.0)
    with pytest.raises(UserError, match="later"):
        client.start_job(JobRequest(source="counting", agents=[ORACLE]))
    client.remove_environment("counter")


def mean(view: JobView) -> tuple[str, float | None]:
    """How a job ended, and its mean."""
    return view.job.status, view.totals.mean


def test_of_two_that_declare_one_name_each_plays_its_own_tasks(
    workspace: Path, client: Client
) -> None:
    put_template(workspace, "twin-right")
    wrong = put_template(workspace, "twin-wrong")
    wrong.write_text(wrong.read_text().replace("yield 1.0 if", "yield 0.25 if"))
    for name in ("twin-right", "twin-wrong"):
        settled(client, name)
    assert mean(evaluated(client, "twin-right")) == ("finished", 1.0)
    assert mean(evaluated(client, "twin-wrong")) == ("finished", 0.25)
