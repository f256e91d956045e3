"""What goes wrong is answered with a problem that says why and what to do."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from controller.api.services import MAX_PAGE
from controller.app import create_app
from controller.errors import Conflict, NotFound, TooLarge
from controller.settings import ControllerSettings
from hud.errors import (
    ConnectionFailure,
    DockerFailure,
    GradingFailure,
    HudError,
    LimitReached,
    UserError,
)
from hud.wire.platform import Problem
from tests.controller.running import RunningController

TOKEN = "token-of-a-test"


@pytest.fixture(scope="module")
def http(controller: RunningController) -> Iterator[httpx2.Client]:
    headers = {"authorization": f"Bearer {controller.token}"}
    base = f"{controller.url}/api/v1"
    with httpx2.Client(base_url=base, headers=headers, trust_env=False) as client:
        yield client


def problem(answer: httpx2.Response) -> Problem:
    assert answer.headers["content-type"] == "application/problem+json"
    found = Problem.model_validate_json(answer.content)
    assert found.status == answer.status_code
    return found


@pytest.mark.parametrize(
    ("method", "path", "content", "status", "detail"),
    [
        ("GET", "/nothing", None, 404, "Not Found"),
        ("PUT", "/health", None, 405, "Method Not Allowed"),
        ("GET", "/jobs/none", None, 404, "there is no job `none`"),
        ("GET", f"/jobs?limit={MAX_PAGE + 1}", None, 422, "query.limit: "),
        ("GET", "/jobs?status=x", None, 422, "query.status: "),
        ("GET", "/rollouts?min_reward=nan", None, 422, "query.min_reward: "),
        ("GET", "/rollouts?task=%00", None, 422, "query.task: "),
        ("GET", "/comparison", None, 422, "query.job: Field required"),
        ("POST", "/jobs", b"", 422, "body: Field required"),
        ("POST", "/jobs", b"{", 400, "the body is not JSON: "),
        ("POST", "/jobs", b"\xff", 400, "the body is not JSON: "),
        ("POST", "/jobs", b'{"source": NaN}', 400, "the body is not JSON: "),
        ("POST", "/jobs", b'{"source": "\\ud83d"}', 400, "the body is not JSON: "),
        ("POST", "/jobs", b"[" * 100_000, 400, "the body is not JSON: "),
        ("POST", "/jobs", b"[]", 422, "body: Input should be a valid dictionary"),
        ("POST", "/jobs", b'{"source": "x", "agents": []}', 422, "body.agents: "),
        ("PUT", "/secrets/NO-NAME", b'{"value": "x"}', 422, "path.name: "),
        ("PUT", "/tasksets/x/columns", b'{"a": {"type": "x"}}', 422, "body.a.type: "),
        ("PATCH", "/tasksets/x/tasks/y", b"{}", 404, "there is no taskset `x`"),
    ],
)
def test_a_request_that_does_not_fit_is_a_problem(
    http: httpx2.Client, method: str, path: str, content: bytes | None, status: int, detail: str
) -> None:
    headers = {} if content is None else {"content-type": "application/json"}
    found = problem(http.request(method, path, content=content, headers=headers))
    assert found.status == status
    assert (found.detail or "").startswith(detail)


def test_a_problem_does_not_repeat_a_secret(http: httpx2.Client) -> None:
    answer = http.put("/secrets/NAME", json={"value": ["canary-value-2257"]})
    assert answer.status_code == 422
    assert "canary" not in answer.text


def test_what_is_no_archive_cannot_be_deployed(http: httpx2.Client) -> None:
    headers = {"content-type": "application/gzip"}
    found = problem(http.post("/deployments", content=b"nonsense", headers=headers))
    assert (found.status, (found.detail or "")[:30]) == (400, "the archive cannot be unpacked")[:2]


@pytest.fixture
def failing() -> Iterator[TestClient]:
    """An application whose `/failing` raises what its state says."""
    platform: Any = SimpleNamespace(token=TOKEN, settings=ControllerSettings())
    app: FastAPI = create_app(platform)

    async def fail() -> None:
        raise app.state.error

    app.add_api_route("/failing", fail)
    headers = {"authorization": f"Bearer {TOKEN}"}
    with TestClient(app, "http://localhost", headers=headers) as client:
        yield client


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (UserError, 400),
        (NotFound, 404),
        (Conflict, 409),
        (TooLarge, 413),
        (GradingFailure, 502),
        (ConnectionFailure, 502),
        (DockerFailure, 503),
        (LimitReached, 504),
        (HudError, 502),
    ],
)
def test_an_error_has_its_status_and_its_hint(
    failing: TestClient, kind: type[HudError], status: int
) -> None:
    failing.app.state.error = kind("why \ud83d", hint="do that", detail="a traceback")  # type: ignore[attr-defined]  # it is the application
    found = problem(failing.get("/failing"))
    assert (found.status, found.detail, found.hint) == (status, "why ?", "do that")


def test_a_bug_is_logged_and_answered_without_its_inside(
    failing: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    failing.app.state.error = KeyError("inside")  # type: ignore[attr-defined]  # as above
    with caplog.at_level(logging.ERROR, logger="controller"):
        answer = failing.get("/failing")
    assert problem(answer).status == 500
    assert "inside" not in answer.text
    assert "KeyError: 'inside'" in caplog.text


def test_the_schema_says_that_every_error_is_a_problem(http: httpx2.Client) -> None:
    schema = http.get("/openapi.json").json()
    operations = [one for path in schema["paths"].values() for one in path.values()]
    assert len(operations) > 55
    for operation in operations:
        assert set(operation["responses"]["default"]["content"]) == {"application/problem+json"}
        assert "422" not in operation["responses"]
        assert operation["description"]
    assert "HTTPValidationError" not in schema["components"]["schemas"]
