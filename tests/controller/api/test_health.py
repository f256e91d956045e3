"""The controller, asked how it is."""

from __future__ import annotations

from hud.client import Client
from tests.controller.records import record, transcript
from tests.controller.running import RunningController


def test_health_needs_no_token(controller: RunningController) -> None:
    with Client(controller.url, "wrong") as client:
        health = client.health()
    assert health.status == "ok"
    assert health.mcp_url == f"{controller.mcp_url}/mcp"


def test_the_store_says_what_it_holds(client: Client) -> None:
    before = client.storage()
    record(client, "held", transcript("held", "one"), transcript("held", "two"))
    after = client.storage()
    assert after.database == "sqlite"
    assert (after.jobs, after.rollouts) == (before.jobs + 1, before.rollouts + 2)
    assert after.bytes >= before.bytes > 0


def test_providers_are_listed_with_or_without_a_key(client: Client) -> None:
    configured = {item.name: item.configured for item in client.providers()}
    assert configured["openai"]
    assert not configured["anthropic"]
