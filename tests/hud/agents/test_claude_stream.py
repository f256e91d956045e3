"""What a stream of Claude's events amounts to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from anthropic.types import RawMessageStreamEvent
from pydantic import TypeAdapter

from hud.agents.claude import _collected, read_message

pytestmark = pytest.mark.anyio

EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
MESSAGE = {
    **{"id": "m", "type": "message", "role": "assistant", "model": "claude", "content": []},
    **{"stop_reason": None, "stop_sequence": None},
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
SEARCH = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}
STREAM: list[dict[str, Any]] = [
    {"type": "message_start", "message": MESSAGE},
    {"type": "content_block_start", "index": 0, "content_block": SEARCH},
    {
        **{"type": "content_block_delta", "index": 0},
        "delta": {"type": "input_json_delta", "partial_json": '{"query": "fo'},
    },
    {
        **{"type": "content_block_delta", "index": 0},
        "delta": {"type": "input_json_delta", "partial_json": 'x"}'},
    },
    {"type": "content_block_start", "index": 1, "content_block": FOUND},
    {
        **{"type": "message_delta", "usage": {"output_tokens": 2}},
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
    },
]


async def events() -> AsyncIterator[Any]:
    for event in STREAM:
        yield EVENT.validate_python(event)


async def test_a_tool_that_the_provider_runs_itself_goes_back_as_it_came() -> None:
    message, response = read_message(await _collected(events()))
    assert message["content"] == [SEARCH | {"input": {"query": "fox"}}, FOUND]
    assert (response.tool_calls, response.usage.output_tokens) == ([], 2)
