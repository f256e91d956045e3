"""The controller, asked how it is."""

from __future__ import annotations

from hud.client import Client
from tests.controller.running import RunningController


def test_health_needs_no_token(controller: RunningController) -> None:
    with Client(controller.url, "wrong") as client:
        health = client.health()
    assert health.status == "ok"
    assert health.mcp_url == f"{controller.mcp_url}/mcp"


def test_the_doctor_says_what_is_missing_and_what_to_do(client: Client) -> None:
    checks = {check.name: check for check in client.doctor()}
    assert checks["workspace"].message == "it is empty"
    assert (checks["workspace"].hint or "").startswith("hud init my-env --dir ")
    assert checks["store"].status == "ok"
    assert (checks["models"].hint or "").startswith("hud set ")


def test_the_store_says_what_it_holds(client: Client) -> None:
    storage = client.storage()
    assert (storage.database, storage.jobs, storage.rollouts) == ("sqlite", 0, 0)
    assert storage.bytes > 0


def test_providers_without_keys_are_listed(client: Client) -> None:
    assert {item.configured for item in client.providers()} == {False}
    assert {item.name for item in client.providers()} >= {"openai", "anthropic"}
