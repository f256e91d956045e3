"""The overview: what runs, what was run, and what needs attention."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from hud.client import Client
from tests.controller.records import record, transcript
from tests.dashboard.pages import Pages, texts


def test_it_says_what_runs_and_what_failed(pages: Pages) -> None:
    said = texts(pages.open("overview"))
    assert "environment broken: failed at phase 1" in said
    assert re.search(r"started (just now|\d+ min ago)", said)


def test_jobs_are_listed_with_their_numbers(pages: Pages, client: Client) -> None:
    failed = transcript("j1", "b", status="failed", reward=None, boundary="setup", error="no")
    good = transcript("j1", "a")
    record(client, "j1", good, failed, name="evening run", created_at=datetime.now(UTC))
    page = pages.open("overview")
    row = page.dataframe[0].value.iloc[0]
    assert (row["job"], row["status"], row["mean"]) == ("evening run", "finished", 1.0)
    assert "1 rollout of evening run failed" in texts(page)
