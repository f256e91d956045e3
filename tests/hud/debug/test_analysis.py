"""What an environment offers, listed."""

from __future__ import annotations

import pytest

from hud.containers import ContainerSpec, FakeContainers
from hud.debug import Options, analyze, as_markdown
from hud.debug.targets.image import ImageTarget
from hud.debug.targets.url import UrlTarget
from hud.errors import ConnectionFailure
from tests.hud.debug.scripted import ScriptTarget, scenario, tool
from tests.hud.debug.scripted_server import Script
from tests.hud.environment.served import build, free_port, over_http

pytestmark = pytest.mark.anyio

COLOUR = {"enum": ["red", "green"], "description": "Which one."}
SIZE = {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None}
PAINT = {
    "type": "object",
    "properties": {"colour": COLOUR, "size": SIZE, "note": {"type": "string"}},
    "required": ["colour"],
}
WORD = {"name": "word", "required": True, "inputSchema": {"type": "string"}}


async def test_a_listing_holds_tools_and_scenarios_with_their_schemas() -> None:
    script = Script(tools=[tool("paint", inputSchema=PAINT)], scenarios=[scenario("count", [WORD])])
    analysis = await analyze(ScriptTarget(script))
    assert (analysis.server, analysis.protocol) == ("shop 1", "2025-06-18")
    assert analysis.tools[0]["inputSchema"] == PAINT
    assert analysis.scenarios[0]["arguments"]["required"] == ["word"]
    assert analysis.resources == []


async def test_markdown_says_each_argument_in_a_line() -> None:
    script = Script(tools=[tool("paint", inputSchema=PAINT)], scenarios=[scenario("count", [WORD])])
    text = as_markdown(await analyze(ScriptTarget(script)))
    for line in (
        "# shop 1",
        "## Tools (1)",
        "- `paint`: Do it.",
        '  - `colour` one of "red", "green", required: Which one.',
        "  - `size` integer or null, default null",
        "  - `note` string, optional",
        "## Scenarios (1)",
        "  - `word` string, required",
    ):
        assert line in text.splitlines()


async def test_a_server_at_a_url_is_listed() -> None:
    async with over_http(build()) as url:
        analysis = await analyze(UrlTarget(url))
    assert "add" in [item["name"] for item in analysis.tools]
    assert "served:echo" in [item["name"] for item in analysis.scenarios]


async def test_a_url_where_nobody_answers_is_named() -> None:
    url = f"http://127.0.0.1:{free_port()}/mcp"
    with pytest.raises(ConnectionFailure, match=url) as failure:
        await analyze(UrlTarget(url), Options(start_seconds=5.0))
    assert failure.value.hint == "is its server up?"


async def test_a_server_that_does_not_start_is_left_to_debug() -> None:
    with pytest.raises(ConnectionFailure) as failure:
        await analyze(ScriptTarget(Script(first_words="Loading… ")))
    assert failure.value.hint == "hud debug scripted"


async def test_an_image_that_is_not_there_is_to_be_built_or_its_module_named() -> None:
    target = ImageTarget(FakeContainers({}), ContainerSpec(image="never-built:latest"))
    with pytest.raises(ConnectionFailure, match="there is no image") as failure:
        await analyze(target)
    assert failure.value.hint == "build it: hud build DIR; or name its module: hud analyze env:env"
