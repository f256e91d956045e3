"""`as_gemini_tools`, `as_gemini_tool_config` and `call_tool` with the package `google-genai`."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.integrations.paintbox import CIRCLE, DRAW_SCHEMA, DRAWN, PIXEL, Paintbox

genai = pytest.importorskip("google.genai", reason="needs the package google-genai")
types = pytest.importorskip("google.genai.types", reason="needs the package google-genai")
pytestmark = pytest.mark.anyio


class Gemini:
    """An API that calls `draw` in its first answer and then repeats what it was told."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.requests.append(json.loads((await receive())["body"]))
        part = self.requests[-1]["contents"][-1]["parts"][0]
        reply: dict[str, Any] = {"functionCall": {"name": "draw", "args": CIRCLE, "id": "f1"}}
        if "functionResponse" in part:
            reply = {"text": part["functionResponse"]["response"]["result"]}
        answer = {"candidates": [{"content": {"role": "model", "parts": [reply]}}]}
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})


async def test_a_function_call_is_answered_with_a_function_response(box: Paintbox) -> None:
    api = Gemini()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api)) as http:
        options = types.HttpOptions(httpx_async_client=http)
        client = genai.Client(api_key="k", http_options=options).aio.models
        config = {"tools": box.as_gemini_tools(), "tool_config": box.as_gemini_tool_config("ANY")}
        asked = types.UserContent(parts=[types.Part(text="draw")])
        first = await client.generate_content(model="gemini", contents=asked, config=config)
        content = first.candidates[0].content
        turns = [asked, content, {"role": "user", "parts": await box.call_tools(content.parts)}]
        last = await client.generate_content(model="gemini", contents=turns, config=config)
    assert json.loads(last.text) == DRAWN
    declared = api.requests[0]["tools"][0]["functionDeclarations"][0]
    assert declared["parameters_json_schema"] == DRAW_SCHEMA
    assert api.requests[1]["contents"][-1]["parts"][0]["functionResponse"]["id"] == "f1"


@pytest.mark.parametrize(
    "call",
    [
        {"functionCall": {"name": "show", "args": {}}},
        {"function_call": {"name": "show", "args": {}}},
        {"name": "show", "args": {}},
        types.FunctionCall(name="show"),
        types.Part(function_call=types.FunctionCall(name="show", args={})),
    ],
)
async def test_every_spelling_of_a_call_gets_a_part_that_the_sdk_takes(
    box: Paintbox, call: Any
) -> None:
    part = types.Part.model_validate(await box.call_tool(call))
    assert part.function_response.name == "show"
    blob = part.function_response.parts[0].inline_data
    assert (blob.mime_type, blob.data[:4]) == ("image/png", b"\x89PNG")
    assert PIXEL.startswith("iVBOR")


async def test_a_failure_is_an_error_in_the_response(box: Paintbox) -> None:
    part = types.Part.model_validate(await box.call_tool(types.FunctionCall(name="spill")))
    assert part.function_response.response == {"error": "the paint is gone"}


@pytest.mark.parametrize(("mode", "allowed"), [("AUTO", None), ("ANY", ["draw"]), ("NONE", None)])
def test_a_tool_config_is_one_of_the_sdk(
    box: Paintbox, mode: str, allowed: list[str] | None
) -> None:
    config = types.ToolConfig.model_validate(box.as_gemini_tool_config(mode, allowed))
    assert config.function_calling_config.mode.value == mode
    assert config.function_calling_config.allowed_function_names == allowed
