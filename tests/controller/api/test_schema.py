"""Whatever fits the API's schema, or does not, is answered: never with an error of ours."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode

from controller.app import create_app
from controller.settings import ControllerSettings
from tests.controller.running import RunningController

EXAMPLES = 5
"""Requests to each route."""


def _schema() -> Any:
    platform: Any = SimpleNamespace(token="", settings=ControllerSettings())
    found = schemathesis.openapi.from_dict(create_app(platform).openapi())
    found.config.generation.modes = list(GenerationMode)
    return found


@schemathesis.serializer("application/gzip")
def _as_it_is(context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


schema = _schema()
pytestmark = pytest.mark.slow


@schema.parametrize()  # type: ignore[untyped-decorator]  # schemathesis has none
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_no_request_makes_the_controller_fail(case: Any, controller: RunningController) -> None:
    headers = {"Authorization": f"Bearer {controller.token}"}
    answer = case.call(base_url=controller.url, headers=headers, timeout=20)
    case.validate_response(answer, checks=[not_a_server_error])


def test_the_log_holds_no_traceback(controller: RunningController) -> None:
    assert "Traceback" not in controller.log()
