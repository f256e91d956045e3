"""Whatever fits the API's schema, or does not, is answered: never with an error of ours."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode

from controller.app import create_app
from controller.settings import ControllerSettings
from tests.controller.running import RunningController, running_controller

EXAMPLES = 5
"""Requests to each route, beside those that schemathesis makes up of what the schema says."""
PATIENCE = 20


@schemathesis.serializer("application/gzip")
def _as_it_is(context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


def _schema() -> Any:
    platform: Any = SimpleNamespace(token="", settings=ControllerSettings())
    found = schemathesis.openapi.from_dict(create_app(platform).openapi())
    found.config.generation.modes = list(GenerationMode)
    return found


schema = _schema()
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("schema")]


@pytest.fixture(scope="module")
def battered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningController]:
    """A controller that nobody else needs, and that fails at nothing, as its log shows."""
    with running_controller(tmp_path_factory.mktemp("battered")) as running:
        yield running
        assert "Traceback" not in running.log()


@pytest.fixture(scope="module")
def session(battered: RunningController) -> Iterator[requests.Session]:
    """Connections that are kept, by which the token is shown."""
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {battered.token}"
        yield session


@schema.parametrize()  # type: ignore[untyped-decorator]  # schemathesis has none
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_no_request_makes_the_controller_fail(
    case: Any, battered: RunningController, session: requests.Session
) -> None:
    answer = case.call(base_url=battered.url, session=session, timeout=PATIENCE)
    case.validate_response(answer, checks=[not_a_server_error])
