"""`as_openai_agent_tools` with the package `openai-agents`: its own runner calls the tools."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fake_provider import Running
from tests.integrations.paintbox import CIRCLE, DRAW_SCHEMA, DRAWN, PIXEL, Paintbox

agents = pytest.importorskip("agents", reason="needs the package openai-agents")
openai = pytest.importorskip("openai", reason="needs the package openai")
pytestmark = pytest.mark.anyio


async def run(box: Paintbox, provider: Running, model: str) -> Any:
    """Let an agent play against the provider; returns how the run ended."""
    async with openai.AsyncOpenAI(base_url=provider.openai_url, api_key="k") as client:
        agent = agents.Agent(
            name="painter",
            model=agents.OpenAIResponsesModel(model=model, openai_client=client),
            tools=box.as_openai_agent_tools(),
        )
        return await agents.Runner.run(
            agent, "paint", run_config=agents.RunConfig(tracing_disabled=True)
        )


async def test_the_runner_calls_a_tool_and_reads_its_result(
    box: Paintbox, provider: Running
) -> None:
    ended = await run(box, provider, f"call:draw:{json.dumps(CIRCLE)}")
    assert json.loads(ended.final_output) == DRAWN
    draw = provider.requests[0]["body"]["tools"][0]
    assert (draw["parameters"], draw["strict"]) == (DRAW_SCHEMA, False)
    assert box.calls[0].id == provider.requests[-1]["body"]["input"][-1]["call_id"]


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("call:spill", "Error: the paint is gone"),
        ('call:draw:{"shape": 1}', "Error: bad arguments"),
        ("call:draw:[1]", "Error: the arguments of the tool `draw` are '[1]'"),
        ("bad-json", "Error: the arguments of the tool `draw` are not JSON"),
    ],
)
async def test_a_failure_is_what_the_model_reads(
    box: Paintbox, provider: Running, model: str, said: str
) -> None:
    ended = await run(box, provider, model)
    assert ended.final_output.startswith(said)


async def test_an_image_reaches_the_model_as_an_image(box: Paintbox, provider: Running) -> None:
    await run(box, provider, "call:show")
    output = provider.requests[-1]["body"]["input"][-1]["output"]
    assert [part["type"] for part in output] == ["input_text", "input_image"]
    assert output[1]["image_url"] == f"data:image/png;base64,{PIXEL}"


async def test_strict_schemas_pass_the_check_of_the_agents_sdk(box: Paintbox) -> None:
    ensure = pytest.importorskip("agents.strict_schema").ensure_strict_json_schema
    for tool in box.as_openai_responses_tools(strict=True):
        assert ensure(json.loads(json.dumps(tool["parameters"]))) == tool["parameters"]
