"""`as_adk_tools` with the package `google-adk`: its own runner calls the tools."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from pydantic import Field

from tests.integrations.paintbox import CIRCLE, DRAW_SCHEMA, DRAWN, PIXEL, Paintbox

pytest.importorskip("google.adk", reason="needs the package google-adk")

from google.adk.agents import LlmAgent
from google.adk.models.base_llm import BaseLlm
from google.adk.models.llm_request import LlmRequest
from google.adk.models.llm_response import LlmResponse
from google.adk.runners import InMemoryRunner
from google.genai import types

pytestmark = pytest.mark.anyio


class Scripted(BaseLlm):
    """A model that makes its calls in its first answer and then says that it is done."""

    calls: list[types.FunctionCall]
    requests: list[LlmRequest] = Field(default_factory=list)

    async def generate_content_async(
        self, llm_request: LlmRequest, stream: bool = False
    ) -> AsyncGenerator[LlmResponse, None]:
        self.requests.append(llm_request)
        parts = [types.Part(function_call=call) for call in self.calls]
        if len(self.requests) > 1:
            parts = [types.Part(text="done")]
        yield LlmResponse(content=types.Content(role="model", parts=parts))


async def run(box: Paintbox, *calls: types.FunctionCall) -> tuple[list[Any], Any]:
    """The function responses of a run, and the first request that the model got."""
    model = Scripted(model="scripted", calls=list(calls))
    agent = LlmAgent(name="painter", model=model, tools=[*box.as_adk_tools()])
    events = await InMemoryRunner(agent=agent).run_debug("paint", quiet=True)
    answers = [answer for event in events for answer in event.get_function_responses()]
    return answers, model.requests[0]


async def test_the_runner_calls_a_tool_and_reads_its_result(box: Paintbox) -> None:
    (response,), request = await run(box, types.FunctionCall(name="draw", args=CIRCLE, id="f1"))
    assert response.response == {"result": DRAWN}
    assert [call.id for call in box.calls] == ["f1"]
    declared = request.config.tools[0].function_declarations[0]
    assert declared.parameters_json_schema == DRAW_SCHEMA


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [("spill", {}, "the paint is gone"), ("draw", {"shape": 1}, "bad arguments")],
)
async def test_a_failure_is_an_error_that_the_model_reads(
    box: Paintbox, name: str, arguments: dict[str, Any], said: str
) -> None:
    (response,), _ = await run(box, types.FunctionCall(name=name, args=arguments))
    assert response.response["error"].startswith(said)


async def test_an_image_is_a_part_of_the_response(box: Paintbox) -> None:
    (response,), _ = await run(box, types.FunctionCall(name="show"))
    assert response.parts[0].inline_data.data == base64.b64decode(PIXEL)
    assert response.response["result"].startswith("the picture")
