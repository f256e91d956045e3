"""What the fake provider says, as the events of a stream, in each protocol."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]


def chat_events(body: Json) -> Iterator[Json]:
    choice = body["choices"][0]
    shell = {"id": body["id"], "object": "chat.completion.chunk", "created": 1}
    shell["model"] = body["model"]
    message = dict(choice["message"])
    if "tool_calls" in message:
        numbered = enumerate(message["tool_calls"])
        message["tool_calls"] = [{"index": index} | call for index, call in numbered]
    for delta, reason in ((message, None), ({}, choice["finish_reason"])):
        yield shell | {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
    yield shell | {"choices": [], "usage": body["usage"]}


def responses_events(body: Json) -> Iterator[Json]:
    created = body | {"status": "in_progress", "output": []}
    yield {"type": "response.created", "sequence_number": 0, "response": created}
    for index, item in enumerate(body["output"]):
        place = {"sequence_number": index + 1, "output_index": index, "item": item}
        yield {"type": "response.output_item.added"} | place
        yield {"type": "response.output_item.done"} | place
    yield {"type": f"response.{body['status']}", "sequence_number": 99, "response": body}


def messages_events(body: Json) -> Iterator[Json]:
    usage = body["usage"] | {"output_tokens": 1}
    start = body | {"content": [], "stop_reason": None, "usage": usage}
    yield {"type": "message_start", "message": start}
    for index, block in enumerate(body["content"]):
        empty, delta = opened(block)
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    delta = {"stop_reason": body["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": delta, "usage": body["usage"]}
    yield {"type": "message_stop"}


def opened(block: Json) -> tuple[Json, Json]:
    """A content block as it begins in a stream, and the delta that completes it."""
    if block["type"] == "text":
        return block | {"text": ""}, {"type": "text_delta", "text": block["text"]}
    given = block["input"]
    raw = given if isinstance(given, str) else json.dumps(given)
    return block | {"input": {}}, {"type": "input_json_delta", "partial_json": raw}


def gemini_events(body: Json) -> Iterator[Json]:
    yield body


def asked_events(events: Iterator[Json], body: Json) -> Iterator[Json]:
    """The events without what the request has to ask for: the usage of chat completions."""
    is_told = (body.get("stream_options") or {}).get("include_usage")
    for event in events:
        if event.get("choices") != [] or is_told:
            yield event
