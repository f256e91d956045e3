"""What every route refuses, whatever it does: other hosts, origins, tokens and types."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx2
import openai
import pytest
from fastapi.routing import iter_route_contexts

from controller.app import create_app
from controller.settings import ControllerSettings
from hud.wire.platform import Problem
from tests.controller.running import RunningController

HEALTH = "/api/v1/health"
LOOK_ALIKES = [
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "evil-localhost",
    "localhost@evil.example",
    "127.0.0.1:80:80",
    "[::1].evil.example",
    "127.1",
    "0.0.0.0",
    "controller.evil.example",
]


def _routes() -> list[tuple[str, str]]:
    """Method and path of every route of the application, with parameters filled in."""
    platform: Any = SimpleNamespace(token="", settings=ControllerSettings())
    found = iter_route_contexts(create_app(platform).routes)
    return sorted(
        (method, re.sub(r"\{[^}]*\}", "x", str(route.path)))
        for route in found
        for method in route.methods or ()
    )


ROUTES = _routes()
GUARDED = [route for route in ROUTES if route[1] != HEALTH]
CHANGING = [route for route in GUARDED if route[0] in ("POST", "PUT", "PATCH", "DELETE")]
every_route = pytest.mark.parametrize(("method", "path"), ROUTES, ids=" ".join)
every_guarded_route = pytest.mark.parametrize(("method", "path"), GUARDED, ids=" ".join)
every_changing_route = pytest.mark.parametrize(("method", "path"), CHANGING, ids=" ".join)


@pytest.fixture(scope="module")
def anonymous(controller: RunningController) -> Iterator[httpx2.Client]:
    """A client that shows no token."""
    with httpx2.Client(base_url=controller.url, trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def http(controller: RunningController) -> Iterator[httpx2.Client]:
    """A client that shows the token."""
    headers = {"authorization": f"Bearer {controller.token}"}
    with httpx2.Client(base_url=controller.url, headers=headers, trust_env=False) as client:
        yield client


def status_of(controller: RunningController, *headers: str) -> int:
    """The status of a request with exactly these headers, of which no client has an opinion."""
    host, port = controller.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        lines = "\r\n".join(["POST /api/v1/jobs HTTP/1.1", *headers, "", ""])
        connection.sendall(lines.encode("latin-1"))
        return int(connection.makefile("rb").readline().split()[1])


def refused(answer: httpx2.Response, status: int) -> Problem:
    """The problem of a refusal, which allows no other origin and has nothing in its body but
    the reason.
    """
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert not [name for name in answer.headers if name.startswith("access-control")]
    return Problem.model_validate_json(answer.content)


def test_there_are_routes_to_try() -> None:
    assert len(GUARDED) > 55
    assert len(CHANGING) > 25


@every_guarded_route
def test_a_request_without_a_token_is_refused(
    anonymous: httpx2.Client, method: str, path: str
) -> None:
    answer = anonymous.request(method, path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


@every_guarded_route
def test_a_request_with_a_wrong_token_is_refused(
    anonymous: httpx2.Client, method: str, path: str
) -> None:
    headers = {"authorization": "Bearer wrong"}
    assert anonymous.request(method, path, headers=headers).status_code == 401


@every_route
def test_a_request_for_another_host_is_refused(http: httpx2.Client, method: str, path: str) -> None:
    answer = http.request(method, path, headers={"host": "evil.example:8766"})
    assert answer.status_code == 421


@every_route
def test_a_request_from_another_origin_is_refused(
    http: httpx2.Client, method: str, path: str
) -> None:
    answer = http.request(method, path, headers={"origin": "https://evil.example"})
    assert answer.status_code == 403


@every_changing_route
def test_a_body_of_another_type_is_refused(http: httpx2.Client, method: str, path: str) -> None:
    headers = {"content-type": "text/plain"}
    problem = refused(http.request(method, path, headers=headers, content=b"{}"), 415)
    assert (problem.detail or "").startswith("Content-Type is not ")


@every_changing_route
def test_a_body_without_a_type_is_refused(http: httpx2.Client, method: str, path: str) -> None:
    refused(http.request(method, path, content=b"{}"), 415)


@pytest.mark.parametrize("host", LOOK_ALIKES)
def test_a_look_alike_host_is_refused(http: httpx2.Client, host: str) -> None:
    refused(http.get(HEALTH, headers={"host": host}), 421)


@pytest.mark.parametrize(
    "origin", ["null", "", "localhost", "file://", *(f"http://{host}" for host in LOOK_ALIKES)]
)
def test_a_look_alike_origin_is_refused(http: httpx2.Client, origin: str) -> None:
    refused(http.get(HEALTH, headers={"origin": origin}), 403)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (["Host: localhost", "Origin: http://localhost", "Origin: http://localhost"], 403),
        (["Host: localhost", "Host: localhost"], 400),
        (["Host: localhost", f"X-Long: {'x' * 63_000}", f"X-More: {'x' * 3_000}"], 431),
    ],
    ids=["two origins", "two hosts", "long headers"],
)
def test_headers_that_no_client_sends_are_refused(
    controller: RunningController, headers: list[str], status: int
) -> None:
    assert status_of(controller, *headers) == status


@pytest.mark.parametrize(
    "host",
    ["localhost:8766", "LOCALHOST", "127.0.0.1", "[::1]:1", "controller:8766", "other.internal"],
)
def test_names_of_this_machine_and_configured_ones_are_let_through(
    http: httpx2.Client, host: str
) -> None:
    headers = {"host": host, "origin": f"http://{host}"}
    assert http.get("/api/v1/storage", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "shown",
    [
        "",
        "Bearer",
        "Basic {token}",
        "{token}",
        "Bearer {token}x",
        "Bearer {token} {token}",
    ],
)
def test_only_the_bearer_token_is_let_through(
    anonymous: httpx2.Client, controller: RunningController, shown: str
) -> None:
    headers = {"authorization": shown.format(token=controller.token)}
    problem = refused(anonymous.get("/api/v1/storage", headers=headers), 401)
    assert "hud token" in (problem.hint or "")


def test_a_provider_key_header_is_for_the_model_gateway_only(
    anonymous: httpx2.Client, controller: RunningController
) -> None:
    key = {"x-api-key": controller.token}
    refused(anonymous.get("/api/v1/storage", headers=key), 401)
    assert anonymous.get("/v1/models", headers=key).status_code == 200


def test_clients_of_model_providers_can_read_why_they_are_refused(
    controller: RunningController,
) -> None:
    with (
        openai.OpenAI(api_key="wrong", base_url=f"{controller.url}/v1", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError, match="the token is missing or wrong"),
    ):
        client.models.list()
    with (
        openai.OpenAI(api_key=controller.token, base_url=f"{controller.url}/v1") as client,
        pytest.raises(openai.NotFoundError, match="there is no model `no-such`"),
    ):
        client.models.retrieve("no-such")


def test_no_answer_allows_another_origin(http: httpx2.Client) -> None:
    headers = {"origin": "http://localhost:3000", "access-control-request-method": "POST"}
    for method in ("OPTIONS", "GET"):
        answer = http.request(method, "/api/v1/storage", headers=headers)
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_body_that_is_announced_as_too_large_is_not_waited_for(
    controller: RunningController,
) -> None:
    token = f"Authorization: Bearer {controller.token}"
    kind, length = "Content-Type: application/json", f"Content-Length: {65 * 1024 * 1024}"
    assert status_of(controller, "Host: localhost", token, kind, length) == 413


def test_a_body_that_turns_out_to_be_too_large_is_refused(http: httpx2.Client) -> None:
    headers = {"content-type": "application/json"}
    pieces = (b" " * 1024 * 1024 for _ in range(70))
    refused(http.post("/api/v1/jobs", headers=headers, content=pieces), 413)


def test_the_token_is_in_files_that_only_its_owner_reads(controller: RunningController) -> None:
    for path in (controller.folder / "data/token", controller.folder / "home/.hud/token"):
        assert path.read_text().strip() == controller.token
        assert path.stat().st_mode & 0o777 == 0o600
    assert len(controller.token) >= 43
    assert controller.token not in controller.log()
