"""What the fake provider is asked, in one shape for all protocols."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from tests.fake_events import Json

QUESTION = re.compile(r"How many '(.)' in '(\w+)'")


@dataclass
class Request:
    """What a provider's request says, in one shape for all protocols."""

    path: str
    body: Json
    texts: list[str] = field(default_factory=list)
    """Texts of the user, in order."""
    results: list[str] = field(default_factory=list)
    """Texts of tool results, in order."""
    tools: list[str] = field(default_factory=list)

    @property
    def question(self) -> tuple[str, str]:
        """Letter and word of the letter-counting question; empty if it was not asked."""
        found = next(filter(None, map(QUESTION.search, self.texts)), None)
        return (found[1], found[2]) if found else ("", "")


def text_of(content: Any) -> str:
    """The text in a message's content, whichever protocol it is written in."""
    if isinstance(content, list):
        return "\n".join(filter(None, map(text_of, content)))
    if isinstance(content, dict):
        return text_of(content.get("text") or content.get("content") or content.get("output") or "")
    return str(content or "")


def read_chat(path: str, body: Json) -> Request:
    messages = body["messages"]
    return Request(
        path,
        body,
        texts=[text_of(item["content"]) for item in messages if item["role"] == "user"],
        results=[text_of(item["content"]) for item in messages if item["role"] == "tool"],
        tools=[tool["function"]["name"] for tool in body.get("tools") or []],
    )


def read_responses(path: str, body: Json) -> Request:
    given = body["input"]
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    return Request(
        path,
        body,
        texts=[text_of(item["content"]) for item in items if item.get("role") == "user"],
        results=[
            output_text(item) for item in items if item.get("type", "").endswith("_call_output")
        ],
        tools=[tool.get("name", tool["type"]) for tool in body.get("tools") or []],
    )


def output_text(item: Json) -> str:
    if item["type"] == "function_call_output":
        return text_of(item["output"])
    return json.dumps(item["output"])


def read_messages(path: str, body: Json) -> Request:
    turns = [item["content"] for item in body["messages"] if item["role"] == "user"]
    blocks = [block for turn in turns if isinstance(turn, list) for block in turn]
    return Request(
        path,
        body,
        texts=[turn for turn in turns if isinstance(turn, str)]
        + [block["text"] for block in blocks if block["type"] == "text"],
        results=[text_of(block["content"]) for block in blocks if block["type"] == "tool_result"],
        tools=[tool["name"] for tool in body.get("tools") or []],
    )


def read_gemini(path: str, body: Json) -> Request:
    parts = [part for turn in body["contents"] for part in turn["parts"] if turn["role"] == "user"]
    answers = [part["functionResponse"] for part in parts if "functionResponse" in part]
    declared = [tool.get("functionDeclarations") or [] for tool in body.get("tools") or []]
    return Request(
        path,
        body,
        texts=[part["text"] for part in parts if "text" in part],
        results=[json.dumps(answer["response"]) for answer in answers],
        tools=[function["name"] for functions in declared for function in functions],
    )
