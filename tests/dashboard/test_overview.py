"""The overview: what runs, what was run, and what needs attention."""

from __future__ import annotations

from hud.client import Client
from tests.controller.records import record, transcript
from tests.dashboard.pages import Pages, texts


def test_it_says_what_runs_and_what_failed(pages: Pages) -> None:
    said = texts(pages.open("overview"))
    assert "environment broken: failed at phase 1" in said
    assert "started just now" in said


def test_without_results_it_shows_the_first_steps(pages: Pages) -> None:
    assert "hud init my-env --dir environments" in texts(pages.open("overview"))


def test_jobs_are_listed_with_their_numbers(pages: Pages, client: Client) -> None:
    failed = transcript("j1", "b", status="failed", reward=None, boundary="setup", error="no")
    record(client, "j1", transcript("j1", "a"), failed, name="evening run")
    page = pages.open("overview")
    row = page.dataframe[0].value.iloc[0]
    assert (row["job"], row["status"], row["mean"]) == ("evening run", "finished", 1.0)
    assert "1 rollout of evening run failed" in texts(page)
