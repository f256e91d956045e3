"""Tools as objects: their description, their parameters, and hooks around calls."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import mcp_types
import pytest

from hud import Environment
from hud.errors import UserError
from hud.tools import BaseTool
from hud.tools.base import BaseTool as PublishedBaseTool
from hud.tools.types import ContentResult, EvaluationResult, ToolError
from hud.types import AgentType, NativeToolSpec, ToolDeclaration
from tests.hud.tools.calling import call, definition, failure, text

pytestmark = pytest.mark.anyio


class RegisterTool(BaseTool):
    """Keeps a number.

    And tells it.
    """

    async def __call__(self, add: int, twice: bool = False) -> list[mcp_types.ContentBlock]:
        """Add to the number.

        Args:
            add: How much.
        """
        self.env["number"] += add * (2 if twice else 1)
        return [mcp_types.TextContent(text=str(self.env["number"]))]


class LoudTool(RegisterTool):
    async def __call__(  # type: ignore[override]
        self, add: int, **kwargs: Any
    ) -> list[mcp_types.ContentBlock]:
        return await super().__call__(add + 100, **kwargs)


def register(**options: Any) -> RegisterTool:
    return RegisterTool(env={"number": 1}, **options)


async def test_a_tool_acts_on_what_it_was_given() -> None:
    tool = register()
    assert await text(tool, add=2) == "3"
    assert tool.env == {"number": 3}


async def test_a_tool_can_be_called_directly() -> None:
    (block,) = await register()(add=1)
    assert isinstance(block, mcp_types.TextContent)
    assert block.text == "2"


def test_names_and_description_come_from_the_class() -> None:
    found = definition(register())
    assert (found.name, found.title) == ("register", "Register")
    assert found.description == "Keeps a number.\n\nAnd tells it."


def test_names_and_description_can_be_given() -> None:
    found = definition(register(name="count", title="Count", description="Counts.", meta={"a": 1}))
    assert (found.name, found.title, found.description) == ("count", "Count", "Counts.")
    assert found.meta == {"a": 1}


def test_parameters_come_from_the_call() -> None:
    schema = definition(register()).input_schema
    assert schema["properties"]["add"] == {"type": "integer", "description": "How much."}
    assert schema["required"] == ["add"]


async def test_a_call_may_be_a_plain_method() -> None:
    class PlainTool(BaseTool):
        def __call__(self, word: str) -> str:  # type: ignore[override]
            return word.upper()

    assert await text(PlainTool(), word="a") == "A"


async def test_a_wrong_argument_is_refused() -> None:
    assert "argument 'add'" in await failure(register(), add="many")


def test_keywords_that_are_passed_on_are_those_of_the_parent() -> None:
    schema = definition(LoudTool(env={})).input_schema
    assert set(schema["properties"]) == {"add", "twice"}


async def test_keywords_that_are_passed_on_arrive() -> None:
    assert await text(LoudTool(env={"number": 0}), add=1, twice=True) == "202"


def test_a_tool_that_takes_anything_is_refused() -> None:
    class AnyTool(BaseTool):
        async def __call__(self, **kwargs: Any) -> str:
            return ""

    with pytest.raises(TypeError, match="name each parameter"):
        definition(AnyTool())


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(TypeError, match="`colour`"):
        register(colour="red")


async def test_a_hook_sees_all_arguments_and_can_replace_them() -> None:
    tool = register()
    seen = []

    @tool.before
    async def double(**arguments: Any) -> dict[str, Any]:
        seen.append(arguments)
        return {"add": 10}

    assert await text(tool, add=1) == "11"
    assert seen == [{"add": 1, "twice": False}]


async def test_a_hook_can_refuse_a_call() -> None:
    tool = register()

    @tool.before
    async def refuse(**arguments: Any) -> None:
        raise ToolError("not today")

    assert "not today" in await failure(tool, add=1)
    assert tool.env == {"number": 1}


async def test_a_hook_sees_the_result_and_can_replace_it() -> None:
    tool = register()

    @tool.after
    async def look(result: Any = None, **arguments: Any) -> None:
        assert result[0].text == "2"

    @tool.after
    async def replace(result: Any = None, add: int = 0, **arguments: Any) -> str:
        return f"added {add}"

    assert await text(tool, add=1) == "added 1"


async def test_a_hook_of_a_tool_that_was_added_before_is_heard() -> None:
    tool, env = register(), Environment("tools")
    env.add_tool(tool.mcp)

    @tool.before
    async def refuse(**arguments: Any) -> None:
        raise ToolError("not today")

    with pytest.raises(ToolError, match="not today"):
        await env.call_tool("register", add=1)


def test_a_tool_registers_itself() -> None:
    env = Environment("tools")
    tool = register().register(env, owner="me")
    assert isinstance(tool, RegisterTool)
    assert env.as_tools()[0].meta == {"owner": "me"}


def test_native_specs_are_published_by_family() -> None:
    class ShellTool(RegisterTool):
        native_specs = {  # noqa: RUF012 - as published tools write it
            AgentType.CLAUDE: [
                NativeToolSpec(api_type="shell_2", supported_models=("claude-5*",)),
                NativeToolSpec(api_type="shell_1", role="shell"),
            ]
        }

    tool = ShellTool(env={})
    meta = definition(tool).meta or {}
    assert [spec["api_type"] for spec in meta["native_tools"]["claude"]] == ["shell_2", "shell_1"]
    chosen = tool.get_native_spec(AgentType.CLAUDE, "claude-sonnet-4-5")
    assert chosen is not None
    assert (chosen.api_type, chosen.is_native) == ("shell_1", True)
    assert tool.get_native_spec(AgentType.OPENAI) is None


def test_the_published_path_is_the_same_class() -> None:
    assert PublishedBaseTool is BaseTool


def test_every_public_name_can_be_imported() -> None:
    for package in ("hud.tools", "hud.tools.coding", "hud.tools.filesystem", "hud.tools.computer"):
        module = importlib.import_module(package)
        assert [name for name in module.__all__ if not hasattr(module, name)] == []


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("hud.tools", "WebSearchTool"),
        ("hud.tools", "QwenComputerTool"),
        ("hud.tools", "ElicitTool"),
        ("hud.tools.executors", "PyAutoGUIExecutor"),
    ],
)
def test_what_is_left_out_says_so_and_what_to_do(module: str, name: str) -> None:
    with pytest.raises(UserError, match=f"`hud.tools.*{name}` is left out") as caught:
        getattr(importlib.import_module(module), name)
    assert caught.value.hint
    assert isinstance(caught.value, ImportError)


async def test_a_content_result_becomes_blocks() -> None:
    class ShowTool(BaseTool):
        async def __call__(self) -> ContentResult:
            return ContentResult(output="out", error="err", base64_image="aGk=", system="secret")

    result = await call(ShowTool())
    assert [block.type for block in result.content] == ["text", "text", "image"]
    assert result.text == "out\nerr"


def test_content_results_add_up() -> None:
    both = ContentResult(output="a", error="x") + ContentResult(output="b", base64_image="aGk=")
    assert both == ContentResult(output="ab", error="x", base64_image="aGk=")


def test_two_pictures_do_not_add_up() -> None:
    picture = ContentResult(base64_image="aGk=")
    with pytest.raises(ValueError, match="cannot combine"):
        _ = picture + picture


def test_results_have_their_published_home() -> None:
    assert EvaluationResult(reward=0.5, done=True, content="half", info={}).reward == 0.5


class Forwarded(BaseTool):
    """A tool whose parameters a service has told, not its signature."""

    def __init__(self, name: str, schema: dict[str, Any]) -> None:
        super().__init__(name=name, description=f"Forward to {name}.")
        self.schema = schema
        self.__signature__ = inspect.Signature()

    async def __call__(self, **arguments: Any) -> list[mcp_types.TextContent]:
        return [mcp_types.TextContent(text=f"{self.name} {sorted(arguments.items())}")]

    @property
    def mcp(self) -> ToolDeclaration:
        offered = super().mcp
        offered.parameters = self.schema
        return offered


async def test_a_tool_can_be_offered_with_a_schema_of_its_own() -> None:
    city = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    env = Environment("lab")
    env.add_tool(Forwarded("weather", city))
    async with env:
        (definition,) = env.as_tools()
        assert (definition.name, definition.input_schema) == ("weather", city)
        assert definition.description == "Forward to weather."
        told = await env.call_tool("weather", city="Oslo", days=2)
        assert told.text == "weather [('city', 'Oslo'), ('days', 2)]"
        with pytest.raises(ToolError, match="tool `weather`: 'city' is a required property"):
            await env.call_tool("weather", days=2)


def test_what_a_tools_own_declaration_raises_is_not_swallowed() -> None:
    class Broken(Forwarded):
        @property
        def mcp(self) -> ToolDeclaration:
            raise AttributeError("no schema was told")

    with pytest.raises(AttributeError, match="no schema was told"):
        Environment("lab").add_tool(Broken("weather", {}))
