"""Resources, templates and prompts."""

from __future__ import annotations

import base64
from typing import Any

import mcp_types
import pytest
from pydantic import BaseModel

from hud import Environment
from hud.errors import UserError

pytestmark = pytest.mark.anyio


class Context:
    """Stands in for what MCP libraries inject; theirs has this name, too."""

    __module__ = "fastmcp.server"


class Settings(BaseModel):
    depth: int


def text_of(result: mcp_types.ReadResourceResult) -> str:
    [content] = result.contents
    assert isinstance(content, mcp_types.TextResourceContents)
    return content.text


@pytest.mark.parametrize(
    ("value", "text", "mime_type"),
    [
        ("hello", "hello", "text/plain"),
        ({"a": [1, None]}, '{"a":[1,null]}', "application/json"),
        ([1, 2], "[1,2]", "application/json"),
        (3, "3", "application/json"),
        (Settings(depth=2), '{"depth":2}', "application/json"),
    ],
    ids=repr,
)
async def test_a_resource_is_text_or_json(value: Any, text: str, mime_type: str) -> None:
    env = Environment("test")

    @env.resource("config://settings")
    async def settings() -> Any:
        return value

    result = await env.read_resource("config://settings")
    assert (text_of(result), result.contents[0].mime_type) == (text, mime_type)


async def test_bytes_are_a_blob() -> None:
    env = Environment("test")
    env.resource("file://logo", mime_type="image/png")(lambda: b"\xff\x00")
    [content] = (await env.read_resource("file://logo")).contents
    assert isinstance(content, mcp_types.BlobResourceContents)
    assert (base64.b64decode(content.blob), content.mime_type) == (b"\xff\x00", "image/png")


async def test_a_resource_is_listed_with_what_was_declared() -> None:
    env = Environment("test")

    @env.resource("config://settings", title="Settings", mime_type="application/json")
    def settings() -> dict[str, int]:
        """What is set."""
        return {}

    [listed] = await env.list_resources()
    assert (listed.uri, listed.name, listed.title) == ("config://settings", "settings", "Settings")
    assert (listed.description, listed.mime_type) == ("What is set.", "application/json")
    assert settings() == {}


async def test_variables_in_a_uri_make_a_template_with_typed_arguments() -> None:
    env = Environment("test")

    @env.resource("log://{service}/{line}", description="One line.")
    def log(service: str, line: int) -> str:
        return f"{service} {line + 1}"

    @env.resource("file://{path*}")
    def file(path: str) -> str:
        return path

    assert await env.list_resources() == []
    assert [item.uri_template for item in env.resource_templates()] == [
        "log://{service}/{line}",
        "file://{path*}",
    ]
    assert env.resource_templates()[0].description == "One line."
    assert text_of(await env.read_resource("log://web%20app/4")) == "web app 5"
    assert text_of(await env.read_resource("file://a/b/c.txt")) == "a/b/c.txt"


@pytest.mark.parametrize("uri", ["log://web", "log://web/4/5", "config://other", "nothing"])
async def test_an_unknown_resource_is_named(uri: str) -> None:
    env = Environment("test")
    env.resource("log://{service}/{line}")(lambda service, line: "x")
    env.resource("config://a.b")(lambda: "x")
    with pytest.raises(UserError, match=f"environment `test` has no resource `{uri}`"):
        await env.read_resource(uri)


async def test_a_variable_of_the_wrong_type_is_named() -> None:
    env = Environment("test")

    @env.resource("line://{number}")
    def line(number: int) -> str:
        return "x"

    with pytest.raises(UserError, match=r"resource `line://\{number\}`: argument 'number'"):
        await env.read_resource("line://first")


async def test_resources_and_prompts_may_take_the_context() -> None:
    env = Environment("test")

    @env.resource("who://am/i")
    def who(ctx: Context) -> str:
        return "you"

    @env.prompt
    def greet(name: str, ctx: Context) -> str:
        return f"hello {name}"

    assert text_of(await env.read_resource("who://am/i")) == "you"
    assert [item.name for item in env.prompt_definitions()[0].arguments or ()] == ["name"]
    assert (await env.get_prompt("greet", {"name": "you"})).messages


def test_every_form_of_the_prompt_decorator_returns_the_function() -> None:
    def greet() -> str:
        """Say hello."""
        return "hello"

    env = Environment("test")
    decorators: list[Any] = [
        env.prompt,
        env.prompt(),
        env.prompt("named"),
        env.prompt(name="other", title="Other"),
    ]
    assert [decorate(greet) for decorate in decorators] == [greet] * 4
    listed = {prompt.name: prompt for prompt in env.prompt_definitions()}
    assert list(listed) == ["greet", "named", "other"]
    assert (listed["other"].title, listed["greet"].description) == ("Other", "Say hello.")


@pytest.mark.parametrize(
    ("value", "roles"),
    [
        ("hello", ["user"]),
        (["a", {"role": "assistant", "content": "b"}], ["user", "assistant"]),
        (mcp_types.ImageContent(data="cG5n", mime_type="image/png"), ["user"]),
    ],
    ids=["text", "messages", "image"],
)
async def test_a_prompt_is_messages(value: Any, roles: list[str]) -> None:
    env = Environment("test")

    @env.prompt
    async def it() -> Any:
        return value

    assert [message.role for message in (await env.get_prompt("it")).messages] == roles


async def test_arguments_of_a_prompt_are_typed_though_the_wire_has_strings() -> None:
    env = Environment("test")
    received: list[Any] = []

    @env.prompt
    def it(words: list[str], times: int = 1) -> str:
        """Say words.

        Args:
            words: What to say.
        """
        received.append((words, times))
        return "said"

    [described] = env.prompt_definitions()
    assert [(item.name, item.description, item.required) for item in described.arguments or ()] == [
        ("words", "What to say.", True),
        ("times", None, False),
    ]
    await env.get_prompt("it", {"words": '["a"]', "times": "2"})
    await env.get_prompt("it", {"words": ["a"]})
    assert received == [(["a"], 2), (["a"], 1)]


async def test_bad_prompts_are_told() -> None:
    env = Environment("test")
    env.prompt("number")(lambda: 3)
    with pytest.raises(UserError, match="prompt `number` returned no prompt: int is neither"):
        await env.get_prompt("number")
    with pytest.raises(UserError, match="prompt `number`: unknown argument 'x'"):
        await env.get_prompt("number", {"x": 1})
    with pytest.raises(UserError, match="has no scenario or prompt `nubmer`") as caught:
        await env.get_prompt("nubmer")
    assert caught.value.hint == "did you mean `number`?"


async def test_a_hidden_prompt_is_not_listed_but_rendered() -> None:
    env = Environment("test")
    env.prompt("_secret")(lambda: "psst")
    assert await env.list_prompts() == []
    assert (await env.get_prompt("_secret")).messages
