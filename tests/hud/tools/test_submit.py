"""Answering and submitting by a tool."""

from __future__ import annotations

from typing import Any

import pytest

from hud.tools import ResponseTool, SubmitTool
from hud.tools.submit import get_submission, set_submission
from tests.hud.tools.calling import call, text

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        ({"response": "42"}, "42"),
        ({"response": "1", "messages": [{"type": "text", "text": "2"}]}, "2"),
        ({}, None),
    ],
)
async def test_an_answer_is_kept_for_the_scenario(
    arguments: dict[str, Any], kept: str | None
) -> None:
    set_submission("old")
    await call(SubmitTool(), **arguments)
    assert get_submission() == kept


async def test_a_response_goes_nowhere_but_back() -> None:
    set_submission(None)
    assert await text(ResponseTool(), response="hi") == "hi"
    assert get_submission() is None
