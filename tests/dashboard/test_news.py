"""News of the controller: what has changed is asked for again, and nothing else."""

from __future__ import annotations

import pytest

from dashboard import data
from dashboard.news import ASK_SECONDS, MOST, News
from hud.client import Client
from tests.controller.records import job, transcript
from tests.dashboard.pages import Pages, wait_until


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def news(clock: Clock, client: Client) -> News:
    """News that begin now."""
    found = News(clock)
    found.ask(client)
    clock.now += ASK_SECONDS
    return found


def test_a_rollout_is_news_of_its_job_and_of_no_other(news: News, client: Client) -> None:
    topics = ("job", "job/heard", "job/other")
    before = news.state_of(topics)
    client.record_job(job("heard", "a"))
    client.record_rollouts("heard", [transcript("heard", "a")])
    news.ask(client)
    changed = [old != new for old, new in zip(before[1:], news.state_of(topics)[1:], strict=True)]
    assert changed == [True, True, False]


def test_nothing_is_asked_twice_within_a_second(news: News, client: Client, clock: Clock) -> None:
    news.ask(client)
    before = news.state_of(["job/again"])
    client.record_job(job("again", "a"))
    clock.now += ASK_SECONDS / 2
    news.ask(client)
    assert news.state_of(["job/again"]) == before
    clock.now += ASK_SECONDS
    news.ask(client)
    assert news.state_of(["job/again"]) != before


def test_of_more_events_than_it_looks_at_everything_is_news(news: News, client: Client) -> None:
    before = news.state_of(["taskset"])
    client.record_job(job("flood", "a", group=MOST))
    client.record_rollouts("flood", [transcript("flood", "a", index) for index in range(MOST)])
    news.ask(client)
    assert news.state_of(["taskset"]) != before


def test_a_page_hears_of_a_rollout_long_before_it_would_ask_again(
    pages: Pages, client: Client
) -> None:
    client.record_job(job("followed", "a", "b"))
    page = pages.open("jobs", job="followed")
    client.record_rollouts("followed", [transcript("followed", "a")])
    progress = "1 / 2 rollouts"
    wait_until(lambda: progress in page.run().get("progress")[0].proto.text, data.STILL - 1)
    client.finish_job("followed", "finished", 2.0)
